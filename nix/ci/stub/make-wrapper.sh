#!/bin/bash
# makeWrapper PROGRAM WRAPPER [--add-flags WORDS] [--set NAME VALUE] [--prefix NAME SEPARATOR VALUE]…: a script that
# starts PROGRAM so. The three options that nslab's package uses.
set -eu
program=$1 wrapper=$2
shift 2
lines="" flags=""
while [ $# -gt 0 ]; do
  case $1 in
    --add-flags) flags="$flags $2"; shift 2 ;;
    --set) lines="${lines}export $2='$3'"$'\n'; shift 3 ;;
    --prefix) lines="${lines}export $2='$4'\${$2:+'$3'}\${$2:-}"$'\n'; shift 4 ;;
    *) echo "makeWrapper: the stand-in does not know $1" >&2; exit 1 ;;
  esac
done
printf '#!/bin/bash\n%sexec %s%s "$@"\n' "$lines" "$program" "$flags" > "$wrapper"
chmod 755 "$wrapper"
