#!/usr/bin/env bash
# Makes what a release attaches, in a folder: the packed tarball, its bill of materials, the Homebrew formula, the notes
# and the checksums.
#   scripts/release-assets.sh <folder>
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:?usage: scripts/release-assets.sh <folder>}
mkdir -p "$folder"
npm pack --silent --pack-destination "$folder"
npm run --silent sbom -- "$folder/sbom.cdx.json"
node scripts/homebrew.mjs "$folder"/stuck-jobs-*.tgz >"$folder/stuck-jobs.rb"
node scripts/release.mjs --notes >"$folder/NOTES.md"
(cd "$folder" && sha256sum stuck-jobs-*.tgz sbom.cdx.json stuck-jobs.rb | tee SHA256SUMS)
