# nslab: its programs compiled, with the addon and the native programs.
{
  lib,
  stdenv,
  callPackage,
  makeWrapper,
  nodejs_24,
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
  native = callPackage ./native.nix { inherit nodejs modules; };
  manifest = lib.importJSON ../package.json;
in
stdenv.mkDerivation {
  pname = manifest.name;
  inherit (manifest) version;
  src = import ./source.nix {
    inherit lib;
    parts = [
      "src"
      "soak"
      "microvms"
      "package.json"
      "package-lock.json"
      "flake.lock"
      "tsconfig.json"
      "LICENSE"
    ];
  };

  nativeBuildInputs = [
    makeWrapper
    nodejs
  ];

  configurePhase = ''
    runHook preConfigure
    export HOME=$TMPDIR
    ln -s ${modules}/node_modules node_modules
    runHook postConfigure
  '';

  buildPhase = ''
    runHook preBuild
    node node_modules/typescript/bin/tsc -p .
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
    cp ${native}/* "$root/native/build/Release"
    ln -s ${productionModules}/node_modules "$root/node_modules"
    makeWrapper ${nodejs}/bin/node "$out/bin/nslab" \
      --add-flags "$root/src/setup/nslab.mjs" \
      --set NSLAB_PACKAGED 1 \
      --prefix PATH : ${lib.makeBinPath [ iproute2 postgresql qemu_kvm ]}
    runHook postInstall
  '';

  passthru = { inherit modules native nodejs; };

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "nslab";
    platforms = [ "x86_64-linux" ];
  };
}
