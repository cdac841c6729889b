// The root on a disk, where an image has one: what an initrd that holds nothing else does before all else starts.

#pragma once

namespace guest {

// Mounts what the list names, a file system and the serial number of its disk on two lines, with memory over it that
// takes what is written, and makes that the root; proc and the like move along. `modules`: those of the initrd, which
// are loaded and take memory. Returns whether there is a root to start something in: also where the list is empty,
// because then the initrd is the root.
bool enter_root(const char* list, const char* modules);

}  // namespace guest
