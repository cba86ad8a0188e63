/** By bytes, without cutting a character in two. */
export function truncate(text: string, bytes: number): string {
  const buffer = Buffer.from(text);
  return buffer.length <= bytes
    ? text
    : `${buffer
        .subarray(0, bytes - 3)
        .toString('utf8')
        .replace(/�$/, '')}…`;
}
