/** jest runs this once, after all test files, in the process of `global-setup.mjs`. */
export default async function globalTeardown() {
  await Promise.all((globalThis.outboxTestServices ?? []).map((service) => service.close()));
}
