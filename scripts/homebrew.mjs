import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

// Prints the Homebrew formula of a packed tarball, for the tap: node scripts/homebrew.mjs <tarball>
const [tarball] = process.argv.slice(2);
if (tarball === undefined) {
  console.error("usage: node scripts/homebrew.mjs <tarball>");
  process.exit(2);
}
const { version, homepage, license, repository } = JSON.parse(readFileSync("package.json", "utf8"));
const sha256 = createHash("sha256").update(readFileSync(tarball)).digest("hex");
const releases = repository.url.replace(/^git\+/, "").replace(/\.git$/, "/releases/download");

console.log(`class StuckJobs < Formula
  desc "Repair jobs that are stuck because their webhook was lost"
  homepage "${homepage.replace(/#.*/, "")}"
  url "${releases}/v${version}/${basename(tarball)}"
  sha256 "${sha256}"
  license "${license}"

  depends_on "node"

  def install
    system "npm", "install", *std_npm_args
    bin.install_symlink libexec.glob("bin/*")
    man1.install_symlink libexec/"lib/node_modules/stuck-jobs/man/stuck-jobs.1"
    generate_completions_from_executable(bin/"stuck-jobs", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/stuck-jobs --version")
    assert_match "10 recovered, 2 failed", shell_output("#{bin}/stuck-jobs recover --sandbox")
  end
end`);
