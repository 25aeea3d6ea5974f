/** By package: what it asks for that is never used here, and would be loaded by every run. */
const LEFT_OUT = {
  // Of the client we take `makeRequest` alone (src/stores/airtable/client.ts); the polyfill is for browsers of its time.
  airtable: /^(\.\/(table|record|run_action)|abortcontroller-polyfill\/.*)$/,
  // For commands that are programs of their own.
  commander: /^node:child_process$/,
};

/** What is left of the client asks these of lodash, which needs fifty modules for old engines' sake to answer. */
const LODASH = {
  get: "(object, key, otherwise) => object[key] === undefined ? otherwise : object[key]",
  isArray: "Array.isArray",
  isNil: "(value) => value === undefined || value === null",
  isPlainObject: "(value) => typeof value === 'object' && value !== null && !Array.isArray(value)",
  keys: "Object.keys",
};

/** An esbuild plugin that puts less in the place of what a package asks for and does not need. */
export const leftOut = {
  name: "left-out",
  setup({ onResolve, onLoad }) {
    const inFor = (name, filter, contents) => {
      const within = new RegExp(`[\\\\/]node_modules[\\\\/]${name}[\\\\/]`);
      onResolve({ filter }, ({ path, importer }) =>
        within.test(importer) ? { path, namespace: "left-out", pluginData: contents(path) } : undefined,
      );
    };
    for (const [name, filter] of Object.entries(LEFT_OUT)) inFor(name, filter, () => "{}");
    inFor("airtable", /^lodash\//, (path) => {
      const short = LODASH[path.replace("lodash/", "")];
      if (short === undefined)
        throw new Error(`the airtable client asks for ${path} as well: see scripts/left-out.mjs`);
      return short;
    });
    onLoad({ filter: /^/, namespace: "left-out" }, ({ pluginData }) => ({
      contents: `module.exports = ${pluginData};`,
    }));
  },
};
