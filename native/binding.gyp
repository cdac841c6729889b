# The addon (nslab.node) and the native programs beside it. One target each; sources are listed by folder.
{
  'target_defaults': {
    # -Wno-restrict: GCC 12 sees overlaps in std::string that are not there (its bug 105329).
    'cflags': ['-O2', '-Wall', '-Wextra', '-Werror', '-Wno-restrict', '-fvisibility=hidden', '-fno-strict-aliasing', '-pthread'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++1y', '-std=c++17'],
    'cflags_cc': ['-std=gnu++20', '-fvisibility-inlines-hidden'],
    'include_dirs': ['.'],
    'ldflags': ['-pthread'],
  },
  'targets': [
    {
      'target_name': 'nslab',
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'sources': [
        'base/status.cc',
        'base/sys.cc',
        'netns/netns.cc',
        'netns/switch_log.cc',
        'netns/socket.cc',
        'engine/accept.cc',
        'engine/dial.cc',
        'engine/handshake.cc',
        'engine/link_handshake.cc',
        'engine/link_loop.cc',
        'engine/links.cc',
        'binding/addon.cc',
        'binding/errors.cc',
        'binding/netns.cc',
        'binding/fabric.cc',
        'binding/links.cc',
        'binding/process.cc',
      ],
    },
    {
      'target_name': 'nslab-launch',
      'type': 'executable',
      # Nothing of the C++ library at run time: it starts before every program of a run.
      'ldflags': ['-Wl,--as-needed', '-Wl,--gc-sections'],
      'sources': [
        'launch/enter.cc',
        'launch/main.cc',
        'launch/options.cc',
        'launch/supervise.cc',
      ],
    },
  ],
}
