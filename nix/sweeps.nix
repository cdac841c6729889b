# Sweeps: for every file of soak/sweeps a set of derivations, one run each, which Nix spreads over its builders; and
# all of them as one, a folder of run folders (nix build .#sweeps.ring-scale). A run that fails its gates keeps its
# folder and is no failed build: what the sweep found is its result. Level kvm: emulated times say nothing of a size.
{ lib, pkgs }:
let
  files = lib.filterAttrs (name: type: type == "regular" && lib.hasSuffix ".toml" name) (
    builtins.readDir ../soak/sweeps
  );

  runOf =
    { scenario, nodes, seed }:
    pkgs.runCommand "nslab-${scenario}-${toString nodes}-${toString seed}"
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
        nslab run ${lib.escapeShellArg scenario} --on vm --accel kvm \
          --nodes ${toString nodes} --seed ${toString seed} --out "$out" || status=$?
        # 0 pass, 1 a gate failed, 5 unknown: results. Everything else is no result.
        case $status in 0 | 1 | 5) ;; *) exit "$status" ;; esac
      '';

  sweepOf =
    file:
    let
      sweep = builtins.fromTOML (builtins.readFile (../soak/sweeps + "/${file}"));
      cells = lib.concatMap (
        nodes: map (seed: { inherit (sweep) scenario; inherit nodes seed; }) sweep.seeds
      ) sweep.nodes;
      runs = lib.listToAttrs (
        map (cell: {
          name = "${toString cell.nodes}-${toString cell.seed}";
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
