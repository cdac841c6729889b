// The machine as its programs expect to find it: file systems, modules, settings, name, loopback.

#pragma once

namespace guest {

// proc, sysfs, devtmpfs and what lies on them; folders are made where they are missing.
void mount_all();

// Loads the modules of the list, each after those it needs, by finit_module(2): a modprobe costs 20 ms under emulation.
void load_modules(const char* list);

// Writes the settings of the list, `net.core.somaxconn = 4096` each, below /proc/sys.
void apply_settings(const char* list);

// As many open files as the kernel allows at all.
void raise_limits();

// From fw_cfg (opt/nslab/name), or nslab.name= of the kernel's command line; else the name stays what the image says.
void set_name(const char* fallback_file);

void raise_loopback();

}  // namespace guest
