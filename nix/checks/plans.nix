# Every scenario that ships makes a plan, and the same one twice.
{ lib, pkgs, scenarios }:
pkgs.runCommand "nslab-plans" { nativeBuildInputs = [ pkgs.nslab ]; } ''
  export HOME=$TMPDIR
  mkdir -p "$out"
  for name in ${lib.escapeShellArgs scenarios}; do
    nslab plan "$name" > "$out/$name.json"
    nslab plan "$name" | cmp - "$out/$name.json"
  done
''
