# node_modules as `npm ci --ignore-scripts` makes it, from package-lock.json: a fixed-output derivation a package,
# fetched by `npm pack` from npm's own default registry or the configured one, checked by the lock file's integrity;
# and one derivation that unpacks them to their places. The output holds a folder node_modules, for a package is
# looked for in folders of that name above where it really lies. `production`: without what only building and testing
# need.
{
  lib,
  stdenvNoCC,
  cacert,
  nodejs,
  production ? false,
}:
let
  lockPackages = import ./lock-packages.nix { inherit lib; };
  all = lockPackages {
    lock = lib.importJSON ../package-lock.json;
    os = "linux";
    cpu = if stdenvNoCC.hostPlatform.isAarch64 then "arm64" else "x64";
  };
  packages = lib.filter (package: !(production && package.dev)) all;

  tarball =
    { name, version, hash, ... }:
    stdenvNoCC.mkDerivation {
      name = "${lib.replaceStrings [ "@" "/" ] [ "" "-" ] name}-${version}.tgz";
      dontUnpack = true;
      nativeBuildInputs = [ nodejs ];
      outputHashMode = "flat";
      outputHash = hash;
      # A machine with another registry, or behind a proxy, says so where it builds; the output is the same.
      impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [
        "NPM_CONFIG_REGISTRY"
        "NPM_CONFIG_USERCONFIG"
        "NPM_CONFIG_CAFILE"
      ];
      SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
      installPhase = ''
        export HOME=$TMPDIR
        npm pack --silent --ignore-scripts --cache "$TMPDIR/cache" "${name}@${version}" > packed
        mv "$(tail -n 1 packed)" "$out"
      '';
    };

  # Parents come before what is inside of them: attribute names are sorted.
  unpack = package: ''
    mkdir -p "$out/${package.path}"
    tar xzf ${tarball package} --strip-components=1 --no-same-owner -C "$out/${package.path}"
  '';

  isTop = package: package.path == "node_modules/${package.name}";
  link = package: lib.concatStrings (
    lib.mapAttrsToList (program: file: ''
      chmod +x "$out/${package.path}/${file}"
      ln -s "../${package.name}/${lib.removePrefix "./" file}" "$out/node_modules/.bin/${program}"
    '') package.bin
  );
in
stdenvNoCC.mkDerivation {
  name = "nslab-node-modules${lib.optionalString production "-production"}";
  dontUnpack = true;
  # Files as the packages have them: programs keep their first lines, and nothing is stripped.
  dontFixup = true;
  # As a file: with several hundred packages it is longer than an environment may be.
  passAsFile = [ "script" ];
  script = lib.concatMapStrings unpack packages + ''
    mkdir -p "$out/node_modules/.bin"
  '' + lib.concatMapStrings link (lib.filter isTop packages);
  installPhase = ''
    mkdir -p "$out"
    source "$scriptPath"
  '';
  passthru.tarballs = map tarball packages;
}
