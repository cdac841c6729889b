# package-lock.json as data: one record for each folder under node_modules. Pure.
#
# lockPackages { lock, os, cpu } -> [ { path, name, version, hash, bin, dev } ]
#
#   path  where it goes, relative to the root: "node_modules/a/node_modules/b"
#   hash  the lock file's own integrity, SRI sha512: what a fixed output is checked by, so that no hash is kept by hand
#   bin   program name -> file inside the package
#   dev   only needed to build and to test
#
# The lock file has no download addresses, which nixpkgs' own importers need; the name and the version say enough.
{ lib }:
{ lock, os, cpu }:
let
  # Lists of npm say "linux" or "!win32".
  allows =
    wanted: list:
    list == [ ]
    || lib.elem wanted list
    || (lib.all (lib.hasPrefix "!") list && !lib.elem "!${wanted}" list);

  fits = entry: allows os (entry.os or [ ]) && allows cpu (entry.cpu or [ ]) && allows "glibc" (entry.libc or [ ]);

  isPackage =
    path: entry: path != "" && !(entry.link or false) && !(entry.inBundle or false) && fits entry;

  # "node_modules/a/node_modules/@s/b" -> "@s/b"
  nameOf = path: lib.last (lib.splitString "node_modules/" path);

  sha512Of =
    path: entry:
    let
      digests = lib.filter (lib.hasPrefix "sha512-") (lib.splitString " " (entry.integrity or ""));
    in
    if digests == [ ] then
      throw "package-lock.json: ${path} has no sha512 integrity; run npm install again with a registry that gives it"
    else
      lib.head digests;

  binOf =
    name: entry:
    let
      bin = entry.bin or { };
    in
    if builtins.isString bin then { ${baseNameOf name} = bin; } else bin;

  recordOf =
    path: entry:
    let
      name = entry.name or (nameOf path);
    in
    {
      inherit path name;
      inherit (entry) version;
      hash = sha512Of path entry;
      bin = binOf name entry;
      # An optional peer of a production package that is a tool here (typescript, of valibot) is a tool.
      dev = entry.dev or entry.devOptional or false;
    };
in
if (lock.lockfileVersion or 0) < 2 then
  throw "package-lock.json: version ${toString (lock.lockfileVersion or 0)} has no list of packages; npm 7 and newer write one"
else
  lib.mapAttrsToList recordOf (lib.filterAttrs isPackage lock.packages)
