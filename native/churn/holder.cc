// Taking hold and letting go.
#include "churn/holder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "base/sys.h"

namespace nslab::churn {
namespace {

/** How long a thread stays in a namespace whose name is gone: an observer that wants in meets it so. */
constexpr useconds_t kInsideUs = 20'000;

}  // namespace

Status Holder::take_name(const std::string& path) {
  // O_EXCL: what is there is not ours, and a mount on it would hide it.
  const UniqueFd file(sys::call([&] { return ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444); }));
  if (!file) return Status::from_errno("open " + path, "mount namespace");
  if (sys::call([&] { return ::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr); }) != 0) {
    Status refused = Status::from_errno("mount " + path, "mount namespace");
    (void)::unlink(path.c_str());
    return refused;
  }
  path_.text = path;
  return {};
}

Result<Holder> Holder::take(const Operation& make, const Places& places, netns::Netns netns) {
  Holder holder;
  Status status;
  switch (make.kind) {
    case Kind::named:
    case Kind::mounted: {
      const std::string& directory = make.kind == Kind::named ? places.directory : places.mounted_directory;
      status = holder.take_name(directory + "/" + make.name);
      break;
    }
    case Kind::thread:
    case Kind::process:
      if (make.kind == Kind::thread && make.fault != Fault::leader_dead) {
        auto thread = Parked::start();
        if (thread) holder.thread_ = std::move(*thread);
        else status = thread.take_status();
      } else {
        auto child = Child::start(places.hold_program, make.fault == Fault::leader_dead);
        if (child) holder.child_ = std::move(*child);
        else status = child.take_status();
      }
      break;
    case Kind::descriptor:
      holder.descriptor_ = std::move(netns).release();
      break;
    case Kind::socket:
      holder.descriptor_ = UniqueFd(sys::call([] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
      if (!holder.descriptor_) status = Status::from_errno("socket", "new namespace");
      break;
  }
  if (!status) return status;
  return holder;
}

Status Holder::let_go() {
  descriptor_.reset();
  child_.end();
  thread_.reset();
  const std::string path = std::exchange(path_.text, {});
  if (path.empty()) return {};
  Status status;
  // Lazily: somebody may look at it right now, and the namespace shall go when they are done.
  if (::umount2(path.c_str(), MNT_DETACH) != 0) status = Status::from_errno("umount " + path, "mount namespace");
  if (::unlink(path.c_str()) != 0 && status.ok()) status = Status::from_errno("unlink " + path, "mount namespace");
  return status;
}

Status Holder::let_go_from_inside() {
  UniqueFd fd(sys::call([&] { return ::open(path_.text.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!fd) return Status::from_errno("open " + path_.text, "mount namespace");
  auto netns = netns::Netns::adopt(fd.get());
  if (!netns) return netns.take_status();
  (void)fd.release();
  const netns::Visit visit;
  if (Status entered = netns::enter(*netns); !entered) return entered;
  Status status = let_go();
  ::usleep(kInsideUs);
  return status;
}

}  // namespace nslab::churn
