// The other side of ../module-process.mjs.
const loading = import(process.argv[2]);

process.on('disconnect', () => process.exit());
process.on('message', ({ id, name, args }) => {
  answer(name, args).then(
    (result) => process.send({ id, result }),
    ({ name: kind, code, message, stack }) =>
      process.send({ id, error: { name: kind, code, message, stack } }),
  );
});

async function answer(name, args) {
  const actions = await loading;
  if (name === 'close' && !actions.close) return undefined;
  if (typeof actions[name] !== 'function')
    throw new Error(`${process.argv[2]} exports no function "${name}".`);
  return actions[name](...args);
}
