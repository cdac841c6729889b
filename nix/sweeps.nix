# Sweeps: for every file of soak/sweeps a set of derivations, one run each, which Nix spreads over its builders; and
# all of them as one, a folder of run folders (nix build .#sweeps.ring-scale). A run that fails its gates keeps its
# folder and is no failed build: what the sweep found is its result. Level kvm: emulated times say nothing of a size.
#
# A sweep is scenarios x kernels x nodes x seeds; `scenario` is short for one of them, and without kernels each run
# takes the image's own.
{
  lib,
  pkgs,
  scenarios,
  guests,
  image,
}:
let
  files = lib.filterAttrs (name: type: type == "regular" && lib.hasSuffix ".toml" name) (
    builtins.readDir ../soak/sweeps
  );

  runOf =
    cell:
    pkgs.runCommand "nslab-sweep-${nameOf cell}"
      {
        nativeBuildInputs = [ pkgs.nslab ];
        # "labnode" keeps compilers off machines that measure, and one run at a time on each: see the README.
        requiredSystemFeatures = [
          "kvm"
          "labnode"
        ];
      }
      ''
        export HOME=$TMPDIR
        status=0
        ${imagesOf cell}nslab run ${lib.escapeShellArgs (wordsOf cell)} --out "$out" || status=$?
        # 0 pass, 1 a gate failed, 5 unknown: results. Everything else is no result.
        case $status in 0 | 1 | 5) ;; *) exit "$status" ;; esac
      '';

  # A kernel's name means an image, and these are all that there are.
  imagesOf = { kernel, ... }: lib.optionalString (kernel != null) "NSLAB_IMAGES=${guests.folder} ";

  wordsOf =
    {
      scenario,
      kernel,
      nodes,
      seed,
    }:
    [
      scenario
      "--on"
      "vm"
      "--accel"
      "kvm"
      "--nodes"
      nodes
      "--seed"
      seed
    ]
    ++ lib.optionals (kernel != null) [
      "--kernel"
      kernel
    ]
    ++ lib.optionals (image != null && kernel == null) [
      "--image"
      "${image}/image.json"
    ];

  # Only what a sweep varies by names its runs beyond size and seed.
  nameOf =
    {
      scenario,
      kernel,
      nodes,
      seed,
    }:
    lib.concatStringsSep "-" (
      [ scenario ] ++ lib.optional (kernel != null) kernel ++ [ (toString nodes) (toString seed) ]
    );

  sweepOf =
    file:
    let
      sweep = builtins.fromTOML (builtins.readFile (../soak/sweeps + "/${file}"));
      named = sweep.scenarios or [ sweep.scenario ];
      known =
        scenario:
        if lib.elem scenario scenarios then
          scenario
        else
          throw "soak/sweeps/${file}: there is no scenario ${scenario}: write soak/scenarios/${scenario}.toml, or name one of ${lib.concatStringsSep ", " scenarios}";
      cells = lib.concatMap (
        scenario:
        lib.concatMap (
          kernel:
          lib.concatMap (
            nodes:
            map (seed: {
              scenario = known scenario;
              inherit kernel nodes seed;
            }) sweep.seeds
          ) sweep.nodes
        ) (sweep.kernels or [ null ])
      ) named;
      runs = lib.listToAttrs (
        map (cell: {
          name = nameOf cell;
          value = runOf cell;
        }) cells
      );
    in
    pkgs.linkFarm "nslab-sweep-${lib.removeSuffix ".toml" file}" runs // { inherit runs; };
in
lib.mapAttrs' (file: _type: {
  name = lib.removeSuffix ".toml" file;
  value = sweepOf file;
}) files
