# shellcheck shell=bash
# What the `run` of every driver for Node does. Sourced, never run:
#
#   node_driver DIRECTORY VERB      in it: package.json, package-lock.json, main.js
#
# Needs node and curl. npm is a package of a few hundred others in Debian, so where there is none
# one is fetched from the registry, which the drivers come from as well.

node_oldest=18
npm_version=10.9.4
npm_sha512=OnUG836FwboQIbqtefDNlyR0gTHzIfwRfE3DuiNewBvnMnWEpB0VEXwBlFVgqpNzIgYo/MHh3d2Hel/pszapAA==

# The last line of what a driver prints before it gives up is the reason.
skip() {
  printf '%s\n' "$*" >&2
  exit 77
}

check_node() {
  local version
  version=$(node -p 'process.versions.node' 2>/dev/null) || skip "no node: apt-get install nodejs"
  [[ ${version%%.*} -ge $node_oldest ]] || skip "node $version is older than $node_oldest"
}

# Sets the array npm: the command that npm is here.
find_npm() {
  local home=$PGLYNX_DRIVERS_BUILD/npm-$npm_version archive registry sum
  npm=(node "$home/package/bin/npm-cli.js")
  if [[ -e $home/complete ]]; then return; fi
  if command -v npm >/dev/null; then
    npm=(npm)
    return
  fi
  command -v curl >/dev/null || skip "neither npm nor curl: apt-get install curl"
  rm -rf "$home"
  mkdir -p "$home"
  archive=$home/npm.tgz
  registry=${npm_config_registry:-https://registry.npmjs.org}
  curl -fsSL --retry 3 -o "$archive" "${registry%/}/npm/-/npm-$npm_version.tgz" ||
    skip "no npm, and the registry ${registry%/} does not answer"
  sum=$(node -p "require('crypto').createHash('sha512')
    .update(require('fs').readFileSync(process.argv[1])).digest('base64')" "$archive")
  if [[ $sum != "$npm_sha512" ]]; then
    printf 'npm %s is not the one that is pinned here: sha512 %s\n' "$npm_version" "$sum" >&2
    exit 1
  fi
  tar -xzf "$archive" -C "$home"
  rm "$archive"
  touch "$home/complete"
}

# The packages of the lock file in $2/node_modules; at once when it has them already.
install_packages() {
  local here=$1 build=$2 log=$2/npm.log npm=()
  if cmp -s "$here/package-lock.json" "$build/installed.json" && [[ -d $build/node_modules ]]; then
    return
  fi
  find_npm
  rm -rf "$build"
  mkdir -p "$build"
  cp "$here/package.json" "$here/package-lock.json" "$build"
  if ! (cd "$build" && npm_config_cache=$build/cache "${npm[@]}" ci --ignore-scripts --no-audit \
    --no-fund) >"$log" 2>&1; then
    cat "$log" >&2
    skip "npm cannot install the packages: $(grep -m 1 -i error "$log")"
  fi
  rm -rf "$build/cache"
  cp "$here/package-lock.json" "$build/installed.json"
}

node_driver() {
  local here=$1 verb=${2:-} build
  build=${PGLYNX_DRIVERS_BUILD:?}/${here##*/}
  check_node
  export NODE_PATH=$build/node_modules NODE_NO_WARNINGS=1
  case $verb in
    prepare) install_packages "$here" "$build" ;;
    version) exec node "$here/main.js" --version ;;
    script) exec node "$here/main.js" ;;
    *)
      printf 'usage: run prepare|version|script\n' >&2
      exit 2
      ;;
  esac
}
