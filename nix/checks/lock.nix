# The lock files are those of what they lock: an input or a dependency without its lock would be another on every
# machine. Nix writes a missing lock by itself where it may; where it may not, this says what to do.
{ lib, pkgs, ... }:
let
  inputs = (import ../../flake.nix).inputs or { };
  lock = lib.importJSON ../../flake.lock;
  locked = lock.nodes.${lock.root}.inputs or { };
  missing = lib.filter (name: !(locked ? ${name})) (builtins.attrNames inputs);
  stale = lib.filter (name: !(inputs ? ${name})) (builtins.attrNames locked);

  manifest = lib.importJSON ../../package.json;
  written = (lib.importJSON ../../package-lock.json).packages."";
  differing = lib.filter (kind: (manifest.${kind} or { }) != (written.${kind} or { })) [
    "dependencies"
    "devDependencies"
  ];

  problems =
    map (name: "flake.lock does not lock the input ${name} of flake.nix: run `nix flake lock` and commit it") missing
    ++ map (name: "flake.lock locks ${name}, which flake.nix does not name: run `nix flake lock` and commit it") stale
    ++ map (
      kind: "package-lock.json has other ${kind} than package.json: run `npm install` and commit package-lock.json"
    ) differing;
in
pkgs.runCommand "nslab-lock" { } ''
  problems=${lib.escapeShellArg (lib.concatStringsSep "\n" problems)}
  if [ -n "$problems" ]; then echo "$problems" >&2; exit 1; fi
  touch "$out"
''
