# nslab: its programs compiled, the addon and the native programs built by the same binding.gyp as without Nix.
{
  lib,
  stdenv,
  callPackage,
  makeWrapper,
  nodejs_24,
  python3,
  iproute2,
  postgresql,
  qemu_kvm,
}:
let
  nodejs = nodejs_24;
  modules = callPackage ./node-modules.nix { inherit nodejs; };
  productionModules = callPackage ./node-modules.nix {
    inherit nodejs;
    production = true;
  };
  manifest = lib.importJSON ../package.json;
in
stdenv.mkDerivation {
  pname = manifest.name;
  inherit (manifest) version;
  src = import ./source.nix { inherit lib; };

  nativeBuildInputs = [
    makeWrapper
    nodejs
    python3
  ];
  # nslab-init, the first process of a guest, is static.
  buildInputs = [ stdenv.cc.libc.static ];

  configurePhase = ''
    runHook preConfigure
    export HOME=$TMPDIR
    ln -s ${modules}/node_modules node_modules
    runHook postConfigure
  '';

  buildPhase = ''
    runHook preBuild
    node node_modules/typescript/bin/tsc -p .
    node ${nodejs}/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js \
      configure build --directory=native --nodedir=${nodejs} --jobs="''${NIX_BUILD_CORES:-2}"
    runHook postBuild
  '';

  # Its parts lie as in a clone: programs find each other by their places.
  installPhase = ''
    runHook preInstall
    root=$out/lib/nslab
    mkdir -p "$root/native/build/Release" "$out/bin"
    cp -r package.json package-lock.json flake.lock LICENSE dist soak microvms "$root"
    rm -f "$root/dist/.tsbuildinfo"
    mkdir "$root/src"
    cp -r src/setup "$root/src/setup"
    cp native/build/Release/nslab.node "$root/native/build/Release"
    find native/build/Release -maxdepth 1 -type f -name 'nslab-*' -exec cp {} "$root/native/build/Release" \;
    ln -s ${productionModules}/node_modules "$root/node_modules"
    makeWrapper ${nodejs}/bin/node "$out/bin/nslab" \
      --add-flags "$root/src/setup/nslab.mjs" \
      --set NSLAB_PACKAGED 1 \
      --prefix PATH : ${lib.makeBinPath [ iproute2 postgresql qemu_kvm ]}
    runHook postInstall
  '';

  passthru = { inherit modules nodejs; };

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "nslab";
    platforms = [ "x86_64-linux" ];
  };
}
