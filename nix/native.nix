# The addon and the native programs, built by the same binding.gyp as without Nix; apart from the rest, so that a change
# of TypeScript compiles no C++ again.
{
  lib,
  stdenv,
  nodejs,
  python3,
  modules,
}:
stdenv.mkDerivation {
  name = "nslab-native";
  src = import ./source.nix {
    inherit lib;
    parts = [
      "native"
      "package.json"
    ];
  };

  nativeBuildInputs = [
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
    node ${nodejs}/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js \
      configure build --directory=native --nodedir=${nodejs} --jobs="''${NIX_BUILD_CORES:-2}"
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    mkdir -p "$out"
    cp native/build/Release/nslab.node "$out"
    find native/build/Release -maxdepth 1 -type f -name 'nslab-*' -exec cp {} "$out" \;
    runHook postInstall
  '';
}
