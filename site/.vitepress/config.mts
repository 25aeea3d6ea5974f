import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";

// `npm run docs:site` builds docs/ into site/dist: static files, with a search that needs no service. The Markdown stays
// as it is; a dead link fails the build.
const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));
const { version, homepage } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const REPOSITORY = homepage.replace(/#.*/, "");

/** The sections and pages of docs/README.md, which lists every page: a heading line with a colon, then a table. */
function sidebar() {
  const sections: { text: string; items: { text: string; link: string }[] }[] = [];
  for (const line of readFileSync(`${DOCS}README.md`, "utf8").split("\n")) {
    const [, heading] = /^(To .+):$/.exec(line) ?? [];
    if (heading !== undefined) sections.push({ text: heading, items: [] });
    const [, link] = /^\| \[[^\]]+\]\(([\w/-]+)\.md\)/.exec(line) ?? [];
    if (link !== undefined)
      sections.at(-1)?.items.push({ text: titleOf(link), link: `/${link.replace(/README$/, "")}` });
  }
  return sections;
}

function titleOf(page: string): string {
  const [, title = page] = /^# (.+)$/m.exec(readFileSync(`${DOCS}${page}.md`, "utf8")) ?? [];
  return title;
}

export default defineConfig({
  title: "stuck-jobs",
  description: "Finds jobs stuck in “processing” because their webhook was lost, and repairs their records.",
  lang: "en",
  base: process.env.DOCS_BASE ?? "/stuck-jobs/",
  srcDir: "../docs",
  outDir: "dist",
  cacheDir: "../node_modules/.cache/vitepress",
  cleanUrls: false,
  rewrites: { "README.md": "index.md", "adr/README.md": "adr/index.md" },
  // The icon is a part of the page: nothing is loaded from elsewhere.
  head: [["link", { rel: "icon", href: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E" }]],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    // Placeholders like <id> are text.
    html: false,
    config(markdown) {
      // Files outside docs/ are shown by the repository.
      const render =
        markdown.renderer.rules.link_open ?? ((tokens, n, options, _, self) => self.renderToken(tokens, n, options));
      markdown.renderer.rules.link_open = (tokens, n, options, env, self) => {
        const token = tokens[n];
        const href = token?.attrGet("href") ?? "";
        const up = env.relativePath.includes("/") ? "../../" : "../";
        if (href.startsWith(up)) {
          const path = href.slice(up.length);
          const kind = /\.\w+(#.*)?$/.test(path) || /^[A-Z]+$/.test(path) ? "blob" : "tree";
          token?.attrSet("href", `${REPOSITORY}/${kind}/v${version}/${path}`);
        }
        return render(tokens, n, options, env, self);
      };
    },
  },
  themeConfig: {
    search: { provider: "local" },
    sidebar: sidebar(),
    outline: [2, 3],
    nav: [{ text: `v${version}`, link: `${REPOSITORY}/blob/v${version}/CHANGELOG.md` }],
    socialLinks: [{ icon: "github", link: REPOSITORY }],
    docFooter: { prev: false, next: false },
  },
});
