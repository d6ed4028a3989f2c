// Runs the search of the built documentation as a browser does, in the theme's own worker: node search.cjs SITE QUERIES
const fs = require("fs");
const [site, queries] = process.argv.slice(2);
const folder = `${site}/assets/javascripts/workers`;
const worker = fs.readdirSync(folder).find((name) => name.startsWith("search.") && name.endsWith(".js"));
let listener;
let answer;
globalThis.self = globalThis;
globalThis.addEventListener = (_, added) => {
  listener = added;
};
globalThis.postMessage = (message) => answer(message.data);
require(`${folder}/${worker}`);

const send = (type, data) =>
  new Promise((resolve) => {
    answer = resolve;
    listener({ data: { type, data } });
  });

(async () => {
  const index = JSON.parse(fs.readFileSync(`${site}/search/search_index.json`, "utf8"));
  await send(0, { ...index, options: {} });
  const results = {};
  for (const query of JSON.parse(queries)) {
    // Each item is a page: its best entry comes first.
    const { items } = await send(2, query);
    results[query] = items.map((entries) => entries[0].location);
  }
  console.log(JSON.stringify(results));
})();
