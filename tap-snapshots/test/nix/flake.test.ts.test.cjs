/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/nix/flake.test.ts > TAP > every output evaluates, to what it did > must match snapshot 1`] = `
{
 "apps": {
  "default": {
   "program": "/nix/store/…-nslab-run-ring",
   "type": "app"
  },
  "nslab": {
   "program": "/nix/store/…-nslab-0.1.0/bin/nslab",
   "type": "app"
  },
  "ring": {
   "program": "/nix/store/…-nslab-run-ring",
   "type": "app"
  }
 },
 "checks": {
  "plans": {
   "PATH": "/nix/store/…-nslab-0.1.0/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "export HOME=$TMPDIR\\nmkdir -p \\"$out\\"\\nfor name in 'ring'; do\\n  nslab plan \\"$name\\" > \\"$out/$name.json\\"\\n  nslab plan \\"$name\\" | cmp - \\"$out/$name.json\\"\\ndone\\n",
   "builder": "/bin/bash",
   "configurePhase": "true",
   "dontUnpack": true,
   "installPhase": "true",
   "name": "nslab-plans",
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
  },
  "ring-smoke": {
   "PATH": "/nix/store/…-nslab-0.1.0/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "export HOME=$TMPDIR\\nnslab run ring --on vm --accel kvm --nodes 20 --out \\"$out\\"\\n",
   "builder": "/bin/bash",
   "configurePhase": "true",
   "dontUnpack": true,
   "installPhase": "true",
   "name": "nslab-ring-smoke",
   "requiredSystemFeatures": [
    "kvm"
   ],
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
  },
  "unit": {
   "PATH": "/nix/store/…-nodejs/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "export HOME=$TMPDIR\\nln -s /nix/store/…-nslab-node-modules/node_modules node_modules\\nln -s /nix/store/…-nslab-0.1.0/lib/nslab/native/build native/build\\nfor file in test/addressing/*.test.ts test/base/*.test.ts test/config/*.test.ts test/judge/*.test.ts test/protocol/*.test.ts test/topology/*.test.ts; do\\n  node --import=tsx \\"$file\\" > said || { cat said; exit 1; }\\ndone\\n",
   "builder": "/bin/bash",
   "configurePhase": "true",
   "installPhase": "touch \\"$out\\"",
   "name": "nslab-unit",
   "src": "/nix/store/…-nslab-tests",
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
  }
 },
 "jobs": {
  "checks": [
   "x86_64-linux"
  ],
  "packages": [
   "x86_64-linux"
  ],
  "sweeps": [
   "ring-scale"
  ]
 },
 "meta": {
  "description": "A test lab for software that lives in thousands of Linux network namespaces.",
  "license": {
   "spdxId": "MIT"
  },
  "mainProgram": "nslab",
  "platforms": [
   "x86_64-linux"
  ]
 },
 "modules": {
  "PATH": ":/usr/bin:/bin",
  "args": [
   "-e",
   "-c",
   "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
  ],
  "buildPhase": "true",
  "builder": "/bin/bash",
  "configurePhase": "true",
  "dontFixup": true,
  "dontUnpack": true,
  "installPhase": "mkdir -p \\"$out\\"\\nsource \\"$scriptPath\\"\\n",
  "name": "nslab-node-modules",
  "passAsFile": [
   "script"
  ],
  "script": "mkdir -p \\"$out/node_modules/@alcalzone/ansi-tokenize\\"\\ntar xzf /nix/store/…-alcalzone-ansi-tokenize-0.1.3.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@alcalzone/ansi-tokenize\\"\\nmkdir -p \\"$out/node_modules/@alcalzone/ansi-tokenize/node_modules/is-fullwidth-code-point\\"\\ntar xzf /nix/store/…-is-fullwidth-code-point-4.0.0.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@alcalzone/ansi-tokenize/node_modules/is-fullwidth-code-point\\"\\nmkdir -p \\"$out/node_modules/@base2/pretty-print-object\\"\\ntar xzf /nix/store/…-base2-pretty-print-object-1.0.1.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@base2/pretty-print-object\\"\\nmkdir -p \\"$out/node_modules/@bcoe/v8-coverage\\"\\ntar xzf /nix/store/…-bcoe-v8-coverage-1.0.2.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@bcoe/v8-coverage\\"\\nmkdir -p \\"$out/node_modules/@biomejs/biome\\"\\ntar xzf /nix/store/…-biomejs-biome-2.5.15.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@biomejs/biome\\"\\nmkdir -p \\"$out/node_modules/@biomejs/cli-linux-x64\\"\\ntar xzf /nix/store/…-biomejs-cli-linux-x64-2.5.15.tgz --strip-components=1 --no-same-owner -C \\"$out/node_modules/@biomejs/cli-linux-x64\\"\\nmkdir -p \\"$out/node_modules/@cspotcode/source-map-support\\"\\ntar xzf /nix/store/…-cspotcode-sour",
  "system": "x86_64-linux",
  "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
 },
 "nothing": [],
 "packages": {
  "default": {
   "PATH": "/nix/store/…-make-wrapper/bin:/nix/store/…-nodejs/bin:/nix/store/…-python3/bin:/nix/store/…-libc-static/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "runHook preBuild\\nnode node_modules/typescript/bin/tsc -p .\\nnode /nix/store/…-nodejs/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js \\\\\\n  configure build --directory=native --nodedir=/nix/store/…-nodejs --jobs=\\"\${NIX_BUILD_CORES:-2}\\"\\nrunHook postBuild\\n",
   "builder": "/bin/bash",
   "configurePhase": "runHook preConfigure\\nexport HOME=$TMPDIR\\nln -s /nix/store/…-nslab-node-modules/node_modules node_modules\\nrunHook postConfigure\\n",
   "installPhase": "runHook preInstall\\nroot=$out/lib/nslab\\nmkdir -p \\"$root/native/build/Release\\" \\"$out/bin\\"\\ncp -r package.json package-lock.json flake.lock LICENSE dist soak microvms \\"$root\\"\\nrm -f \\"$root/dist/.tsbuildinfo\\"\\nmkdir \\"$root/src\\"\\ncp -r src/setup \\"$root/src/setup\\"\\ncp native/build/Release/nslab.node \\"$root/native/build/Release\\"\\nfind native/build/Release -maxdepth 1 -type f -name 'nslab-*' -exec cp {} \\"$root/native/build/Release\\" \\\\;\\nln -s /nix/store/…-nslab-node-modules-production/node_modules \\"$root/node_modules\\"\\nmakeWrapper /nix/store/…-nodejs/bin/node \\"$out/bin/nslab\\" \\\\\\n  --add-flags \\"$root/src/setup/nslab.mjs\\" \\\\\\n  --set NSLAB_PACKAGED 1 \\\\\\n  --prefix PATH : /nix/store/…-iproute2/bin:/nix/store/…-postgresql/bin:/nix/store/…-qemu/bin\\nrunHook postInstall\\n",
   "name": "nslab-0.1.0",
   "pname": "nslab",
   "src": "/nix/store/…-nslab-source",
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n",
   "version": "0.1.0"
  },
  "nslab": {
   "PATH": "/nix/store/…-make-wrapper/bin:/nix/store/…-nodejs/bin:/nix/store/…-python3/bin:/nix/store/…-libc-static/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "runHook preBuild\\nnode node_modules/typescript/bin/tsc -p .\\nnode /nix/store/…-nodejs/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js \\\\\\n  configure build --directory=native --nodedir=/nix/store/…-nodejs --jobs=\\"\${NIX_BUILD_CORES:-2}\\"\\nrunHook postBuild\\n",
   "builder": "/bin/bash",
   "configurePhase": "runHook preConfigure\\nexport HOME=$TMPDIR\\nln -s /nix/store/…-nslab-node-modules/node_modules node_modules\\nrunHook postConfigure\\n",
   "installPhase": "runHook preInstall\\nroot=$out/lib/nslab\\nmkdir -p \\"$root/native/build/Release\\" \\"$out/bin\\"\\ncp -r package.json package-lock.json flake.lock LICENSE dist soak microvms \\"$root\\"\\nrm -f \\"$root/dist/.tsbuildinfo\\"\\nmkdir \\"$root/src\\"\\ncp -r src/setup \\"$root/src/setup\\"\\ncp native/build/Release/nslab.node \\"$root/native/build/Release\\"\\nfind native/build/Release -maxdepth 1 -type f -name 'nslab-*' -exec cp {} \\"$root/native/build/Release\\" \\\\;\\nln -s /nix/store/…-nslab-node-modules-production/node_modules \\"$root/node_modules\\"\\nmakeWrapper /nix/store/…-nodejs/bin/node \\"$out/bin/nslab\\" \\\\\\n  --add-flags \\"$root/src/setup/nslab.mjs\\" \\\\\\n  --set NSLAB_PACKAGED 1 \\\\\\n  --prefix PATH : /nix/store/…-iproute2/bin:/nix/store/…-postgresql/bin:/nix/store/…-qemu/bin\\nrunHook postInstall\\n",
   "name": "nslab-0.1.0",
   "pname": "nslab",
   "src": "/nix/store/…-nslab-source",
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n",
   "version": "0.1.0"
  }
 },
 "services": {
  "services": {
   "nslab": {
    "controller": {
     "settings": {
      "db": {
       "database": "nslab",
       "host": "/run/postgresql",
       "user": "nslab"
      }
     }
    }
   },
   "postgresql": {
    "enable": true,
    "ensureDatabases": [
     "nslab"
    ],
    "ensureUsers": [
     {
      "ensureDBOwnership": true,
      "name": "nslab"
     }
    ]
   }
  },
  "systemd": {
   "services": {
    "nslab-controller": {
     "after": [
      "network-online.target",
      "postgresql.service"
     ],
     "description": "nslab controller",
     "requires": [
      "postgresql.service"
     ],
     "serviceConfig": {
      "CapabilityBoundingSet": [
       ""
      ],
      "ExecStart": "/nix/store/…-nslab-0.1.0/bin/nslab controller --config /nix/store/…-controller.toml",
      "Group": "nslab",
      "LockPersonality": true,
      "NoNewPrivileges": true,
      "PrivateTmp": true,
      "ProtectHome": true,
      "ProtectSystem": "strict",
      "Restart": "on-failure",
      "RestrictRealtime": true,
      "RestrictSUIDSGID": true,
      "SystemCallArchitectures": "native",
      "User": "nslab"
     },
     "wantedBy": [
      "multi-user.target"
     ],
     "wants": [
      "network-online.target"
     ]
    },
    "nslab-fleet": {
     "after": [
      "network-online.target"
     ],
     "description": "nslab fleet",
     "serviceConfig": {
      "CapabilityBoundingSet": [
       "CAP_SYS_ADMIN",
       "CAP_NET_ADMIN",
       "CAP_SYS_PTRACE"
      ],
      "ExecStart": "/nix/store/…-nslab-0.1.0/bin/nslab dataplane --config /nix/store/…-dataplane.toml",
      "LimitNOFILE": 1048576,
      "LockPersonality": true,
      "NoNewPrivileges": true,
      "PrivateTmp": true,
      "ProtectHome": true,
      "ProtectSystem": "full",
      "Restart": "on-failure",
      "RestrictRealtime": true,
      "RestrictSUIDSGID": true,
      "SystemCallArchitectures": "native"
     },
     "wantedBy": [
      "multi-user.target"
     ],
     "wants": [
      "network-online.target"
     ]
    }
   }
  },
  "users": {
   "groups": {
    "nslab": {}
   },
   "users": {
    "nslab": {
     "description": "nslab's controller",
     "group": "nslab",
     "isSystemUser": true
    }
   }
  }
 },
 "shells": {
  "default": {
   "PATH": "/nix/store/…-nodejs/bin:/nix/store/…-chromium/bin:/nix/store/…-clang-tools/bin:/nix/store/…-iproute2/bin:/nix/store/…-postgresql/bin:/nix/store/…-qemu/bin:/usr/bin:/bin",
   "args": [
    "-e",
    "-c",
    "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
   ],
   "buildPhase": "true",
   "builder": "/bin/bash",
   "configurePhase": "true",
   "dontUnpack": true,
   "inputsFrom": [
    "/nix/store/…-nslab-0.1.0"
   ],
   "installPhase": "touch \\"$out\\"",
   "name": "shell",
   "system": "x86_64-linux",
   "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
  }
 },
 "sweeps": {
  "ring-scale": {
   "all": {
    "PATH": ":/usr/bin:/bin",
    "args": [
     "-e",
     "-c",
     "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
    ],
    "buildPhase": "mkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-100-1 \\"$out/100-1\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-100-2 \\"$out/100-2\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-100-3 \\"$out/100-3\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-200-1 \\"$out/200-1\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-200-2 \\"$out/200-2\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-200-3 \\"$out/200-3\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-400-1 \\"$out/400-1\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-400-2 \\"$out/400-2\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-400-3 \\"$out/400-3\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-800-1 \\"$out/800-1\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-800-2 \\"$out/800-2\\"\\nmkdir -p \\"$out\\"\\nln -s /nix/store/…-nslab-ring-800-3 \\"$out/800-3\\"\\n",
    "builder": "/bin/bash",
    "configurePhase": "true",
    "dontUnpack": true,
    "installPhase": "true",
    "name": "nslab-sweep-ring-scale",
    "system": "x86_64-linux",
    "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
   },
   "first": {
    "PATH": "/nix/store/…-nslab-0.1.0/bin:/usr/bin:/bin",
    "args": [
     "-e",
     "-c",
     "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
    ],
    "buildPhase": "export HOME=$TMPDIR\\nstatus=0\\nnslab run 'ring' --on vm --accel kvm \\\\\\n  --nodes 100 --seed 1 --out \\"$out\\" || status=$?\\n# 0 pass, 1 a gate failed, 5 unknown: results. Everything else is no result.\\ncase $status in 0 | 1 | 5) ;; *) exit \\"$status\\" ;; esac\\n",
    "builder": "/bin/bash",
    "configurePhase": "true",
    "dontUnpack": true,
    "installPhase": "true",
    "name": "nslab-ring-100-1",
    "requiredSystemFeatures": [
     "kvm",
     "labnode"
    ],
    "system": "x86_64-linux",
    "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
   },
   "runs": [
    "100-1",
    "100-2",
    "100-3",
    "200-1",
    "200-2",
    "200-3",
    "400-1",
    "400-2",
    "400-3",
    "800-1",
    "800-2",
    "800-3"
   ]
  }
 },
 "tarball": {
  "PATH": "/nix/store/…-nodejs/bin:/usr/bin:/bin",
  "SSL_CERT_FILE": "/nix/store/…-cacert/etc/ssl/certs/ca-bundle.crt",
  "args": [
   "-e",
   "-c",
   "runHook() { :; }\\nmakeWrapper() { /nix/store/…-make-wrapper.sh \\"$@\\"; }\\neval \\"$unpackPhase\\"\\neval \\"$configurePhase\\"\\neval \\"$buildPhase\\"\\neval \\"$installPhase\\"\\n\\n"
  ],
  "buildPhase": "true",
  "builder": "/bin/bash",
  "configurePhase": "true",
  "dontUnpack": true,
  "impureEnvVars": [
   "http_proxy",
   "https_proxy",
   "no_proxy",
   "NPM_CONFIG_REGISTRY",
   "NPM_CONFIG_USERCONFIG",
   "NPM_CONFIG_CAFILE"
  ],
  "installPhase": "export HOME=$TMPDIR\\nnpm pack --silent --ignore-scripts --cache \\"$TMPDIR/cache\\" \\"@alcalzone/ansi-tokenize@0.1.3\\" > packed\\nmv \\"$(tail -n 1 packed)\\" \\"$out\\"\\n",
  "name": "alcalzone-ansi-tokenize-0.1.3.tgz",
  "outputHash": "sha512-3yWxPTq3UQ/FY9p1ErPxIyfT64elWaMvM9lIHnaqpyft63tkxodF5aUElYHrdisWve5cETkh1+KBw1yJuW0aRw==",
  "outputHashMode": "flat",
  "system": "x86_64-linux",
  "unpackPhase": "if [ -z \\"\${dontUnpack:-}\\" ]; then cp -r \\"$src\\" source; chmod -R u+w source; cd source; fi\\n"
 }
}
`
