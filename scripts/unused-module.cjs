// Stands in for modules that are never used: see stub-unused-modules.mjs.
module.exports = () => {
  throw new Error("the airtable client's own transport was used");
};
