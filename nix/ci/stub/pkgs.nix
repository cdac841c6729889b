# The packages of nixpkgs that nslab's Nix code uses, and no others, each made of what this machine has installed.
{ lib, system }:
let
  # Where this machine's Node.js is, said by who evaluates; it need not be Debian's place.
  nodePrefix = if builtins.pathExists ./node-prefix then builtins.readFile ./node-prefix else "/usr";

  # A package whose files are links to this machine's.
  host =
    name: links: extra:
    derivation {
      inherit name system;
      builder = "/bin/sh";
      PATH = "/usr/bin:/bin";
      args = [
        "-c"
        (lib.concatStrings (
          lib.mapAttrsToList (place: target: ''
            mkdir -p "$out/$(dirname ${place})"
            test -e ${target} || { echo "this machine has no ${target}" >&2; exit 1; }
            ln -s ${target} "$out/${place}"
          '') links
        ))
      ];
    }
    // { inherit name; }
    // extra;

  programs = name: list: host name (lib.genAttrs (map (program: "bin/${program}") list) (place: "/usr/${place}")) { };

  phases = [
    "unpackPhase"
    "configurePhase"
    "buildPhase"
    "installPhase"
  ];
  defaults = {
    unpackPhase = ''
      if [ -z "''${dontUnpack:-}" ]; then cp -r "$src" source; chmod -R u+w source; cd source; fi
    '';
    configurePhase = "true";
    buildPhase = "true";
    installPhase = "true";
  };

  mkDerivation =
    args:
    let
      name = args.name or "${args.pname}-${args.version}";
      given = builtins.removeAttrs args [
        "meta"
        "passthru"
        "nativeBuildInputs"
        "buildInputs"
        "name"
      ];
      script = lib.concatMapStrings (phase: "eval \"\$${phase}\"\n") phases;
      inputs = (args.nativeBuildInputs or [ ]) ++ (args.buildInputs or [ ]);
      made = derivation (
        defaults
        // given
        // {
          inherit name system;
          outputs = [ "out" ];
          builder = "/bin/bash";
          PATH = "${lib.makeBinPath inputs}:/usr/bin:/bin";
          CXX = "g++";
          args = [
            "-e"
            "-c"
            ''
              runHook() { :; }
              makeWrapper() { ${./make-wrapper.sh} "$@"; }
              ${script}
            ''
          ];
        }
      );
    in
    made
    // {
      inherit name;
      meta = args.meta or { };
    }
    // (args.passthru or { });

  stdenv = {
    inherit mkDerivation;
    hostPlatform = {
      inherit system;
      isAarch64 = false;
    };
    # gcc and the static C library are where this machine has them.
    cc.cc.lib = host "gcc-lib" { "lib/libgcc_s.so.1" = "/lib/x86_64-linux-gnu/libgcc_s.so.1"; } { };
    cc.libc = host "libc" {
      "lib/libc.so.6" = "/lib/x86_64-linux-gnu/libc.so.6";
      "lib/libdl.so.2" = "/lib/x86_64-linux-gnu/libdl.so.2";
      "lib/libm.so.6" = "/lib/x86_64-linux-gnu/libm.so.6";
      "lib/libpthread.so.0" = "/lib/x86_64-linux-gnu/libpthread.so.0";
    } { static = libcStatic; };
  };
  libcStatic = host "libc-static" { "lib/libc.a" = "/usr/lib/x86_64-linux-gnu/libc.a"; } { };
  # Where nixpkgs says which linker programs are started by.
  linker = derivation {
    name = "linker";
    inherit system;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
    args = [
      "-c"
      ''mkdir -p "$out/nix-support" && echo /lib64/ld-linux-x86-64.so.2 > "$out/nix-support/dynamic-linker"''
    ];
  };

  base = final: {
    inherit lib stdenv;
    stdenvNoCC = stdenv;
    nodejs_24 = host "nodejs" {
      "bin/node" = "${nodePrefix}/bin/node";
      "bin/npm" = "${nodePrefix}/bin/npm";
      "include/node" = "${nodePrefix}/include/node";
      "lib/node_modules/npm" = "${nodePrefix}/lib/node_modules/npm";
    } { };
    python3 = programs "python3" [ "python3" ];
    makeWrapper = programs "make-wrapper" [ "env" ];
    cacert = host "cacert" { "etc/ssl/certs/ca-bundle.crt" = "/etc/ssl/certs/ca-certificates.crt"; } { };
    iproute2 = programs "iproute2" [ "env" ];
    postgresql = programs "postgresql" [ "env" ] // { version = "17.6"; };
    qemu_kvm = programs "qemu" [ "env" ];
    bash = programs "bash" [ "bash" ];
    coreutils = programs "coreutils" [ "env" ];
    e2fsprogs = programs "e2fsprogs" [ "env" ];
    erofs-utils = programs "erofs-utils" [ "env" ];
    gnugrep = programs "gnugrep" [ "grep" ];
    iperf3 = programs "iperf3" [ "env" ];
    kmod = programs "kmod" [ "env" ];
    systemd = programs "systemd" [ "systemctl" ];
    util-linux = programs "util-linux" [ "unshare" ];
    zstd = programs "zstd" [ "env" ];
    nodejs-slim_24 = final.nodejs_24 // { version = "24.0.0"; };
    linuxPackages = linuxOf "6.12.1";
    linuxPackages_latest = linuxOf "6.18.1";
    chromium = programs "chromium" [ "env" ];
    clang-tools = programs "clang-tools" [ "env" ];

    writeShellScript =
      name: text:
      derivation {
        inherit name system;
        builder = "/bin/bash";
        passAsFile = [ "text" ];
        text = "#!/bin/bash\n${text}";
        args = [
          "-c"
          ''/bin/bash -n "$textPath" && /bin/cp "$textPath" "$out" && /bin/chmod 755 "$out"''
        ];
      };
    runCommand = name: attributes: script: mkDerivation (attributes // {
      inherit name;
      dontUnpack = true;
      buildPhase = script;
    });
    # With a compiler's environment.
    runCommandCC = name: attributes: final.runCommand name (attributes // { NIX_CC = toString linker; });
    # What a system is made into, as far as can be said without NixOS: files that name what they would hold.
    nixosBuilds = settings: {
      toplevel = final.runCommand "nixos-system" { settings = builtins.toJSON { inherit (settings) environment systemd; }; } ''
        mkdir -p "$out"
        echo "$settings" > "$out/settings.json"
        printf '#!/bin/sh\n' > "$out/init"
      '';
      initialRamdisk = final.runCommand "initrd" { settings = builtins.toJSON settings.boot.initrd; } ''
        mkdir -p "$out"
        echo "$settings" > "$out/initrd"
      '';
    };
    # Every path that these need, as nixpkgs has it in store-paths.
    closureInfo = { rootPaths }: final.runCommand "closure-info" {
      exportReferencesGraph = [ "graph" (builtins.head rootPaths) ];
    } ''
      mkdir -p "$out"
      grep '^/nix/store/' graph | sort -u > "$out/store-paths"
    '';
    writeText = name: text: final.runCommand name { inherit text; passAsFile = [ "text" ]; } ''cp "$textPath" "$out"'';
    writeShellScriptBin = name: text: final.runCommand name { script = "#!/bin/bash\n${text}"; } ''
      mkdir -p "$out/bin"
      printf '%s\n' "$script" > "$out/bin/${name}"
      bash -n "$out/bin/${name}"
      chmod 755 "$out/bin/${name}"
    '';
    linkFarm = name: entries: mkDerivation {
      inherit name;
      dontUnpack = true;
      buildPhase = lib.concatStrings (
        lib.mapAttrsToList (place: target: ''
          mkdir -p "$out"
          ln -s ${target} "$out/${place}"
        '') entries
      );
    };
    mkShell = { inputsFrom, packages }: mkDerivation {
      name = "shell";
      dontUnpack = true;
      nativeBuildInputs = packages;
      inherit inputsFrom;
      installPhase = ''touch "$out"'';
    };
    formats.toml = _options: {
      type = { _type = "type"; name = "TOML"; };
      generate = name: value: builtins.toFile name (builtins.toJSON value);
    };
    callPackage =
      file: given:
      let
        function = import file;
      in
      function (builtins.intersectAttrs (builtins.functionArgs function) final // given);
  };

  # A kernel in name: where one is to be built, this machine has none for it.
  linuxOf = version: {
    kernel = host "linux-${version}" { bzImage = "/boot/bzImage"; } {
      inherit version;
      modDirVersion = version;
      modules = host "linux-modules-${version}" { "lib/modules/${version}" = "/lib/modules/${version}"; } { };
    };
  };

  fix = f: let result = f result; in result;
  extensible =
    f:
    fix f
    // {
      extend = overlay: extensible (final: let prev = f final; in prev // overlay final prev);
    };
in
extensible base
