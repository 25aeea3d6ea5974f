// Stands in for modules that are never used: see stub-unused-modules.mjs.
module.exports = () => {
  throw new Error("a part of a library was used that the bundle leaves out");
};
