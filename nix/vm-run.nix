# A run in microVMs as a check: two derivations, because a build that fails keeps no output. The first, `.run`, runs and
# keeps the run folder whatever the verdict is, with the exit code beside it; the second, the check, is red where that
# code is not 0, names the folder, and else is that folder. So a red check's folder is in the store, and its page is one
# `nix build .#gate-runs` away. Nix runs the same inputs once: README says how a red run is tried again.
#
# words     what nslab is told: [ "run" "ring" "--nodes" "20" ]
# image     a folder with image.json; without it nslab looks for one itself, which a sandbox has no network for
# accel     "kvm", which the builder has to have as a system feature; "tcg", asked for by name, emulates
{ lib, pkgs }:
lib.makeOverridable (
  {
    name,
    words,
    image ? null,
    accel ? "kvm",
  }:
  let
    told =
      words
      ++ [
        "--set"
        "hosts.on=vm"
        "--set"
        "hosts.accel=${accel}"
      ]
      ++ lib.optionals (image != null) [
        "--set"
        "hosts.image=${image}/image.json"
      ];
    run = pkgs.runCommand "nslab-${name}-run" {
      nativeBuildInputs = [ pkgs.nslab ];
      requiredSystemFeatures = lib.optional (accel == "kvm") "kvm";
    } ''
      export HOME=$TMPDIR
      status=0
      # Its progress as lines: a builder's output is a terminal's.
      nslab ${lib.escapeShellArgs told} --out "$out" > said 2> >(cat >&2) || status=$?
      cat said
      # 2 usage, 3 machine not fit, and signals: nothing was run, there is nothing to keep, and to try again is right.
      case $status in 2 | 3) exit "$status" ;; esac
      if [ "$status" -ge 128 ] || [ ! -d "$out" ]; then exit "$status"; fi
      mv said "$out/terminal.txt"
      echo "$status" > "$out/exit-code"
    '';
  in
  pkgs.runCommand "nslab-${name}" { passthru = { inherit run; }; } ''
    cat ${run}/terminal.txt
    status=$(cat ${run}/exit-code)
    if [ "$status" != 0 ]; then
      echo "nslab: ${name} ended with $status; its run folder is kept: ${run}" >&2
      exit "$status"
    fi
    ln -s ${run} "$out"
  ''
)
