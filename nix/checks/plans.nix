# Every scenario that ships makes the plan of its snapshot (tap-snapshots), and the same one twice.
{
  lib,
  pkgs,
  scenarios,
  testRun,
  ...
}:
pkgs.runCommand "nslab-plans"
  {
    nativeBuildInputs = [ pkgs.nslab ];
    snapshots = testRun {
      name = "plan-snapshots";
      files = [ "test/lab/plan/plan.test.ts" ];
    };
  }
  ''
    export HOME=$TMPDIR
    mkdir -p "$out"
    for name in ${lib.escapeShellArgs scenarios}; do
      nslab plan "$name" > "$out/$name.json"
      nslab plan "$name" | cmp - "$out/$name.json"
    done
  ''
