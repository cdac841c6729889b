// A fabric's one thread: runs what is asked of it, one thing after another, and hears the kernel's news in between.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/thread.h"
#include "fabric/fabric.h"

namespace nslab::fabric {

class FabricService {
 public:
  FabricService(std::weak_ptr<const netns::Netns> root, Spec spec, Options options,
                std::shared_ptr<netns::SwitchLog> log);
  /** stop() */
  ~FabricService();
  FabricService(const FabricService&) = delete;
  FabricService& operator=(const FabricService&) = delete;

  /**
   * Runs `job` on the fabric's thread after those before it. After stop() it is dropped without being run, and where
   * the thread can't be started it is not run either.
   */
  Status post(std::function<void(Fabric&)> job);
  void cancel() { fabric_.cancel(); }
  [[nodiscard]] std::shared_ptr<const netns::Netns> netns(uint32_t node) const { return fabric_.netns(node); }
  [[nodiscard]] const Spec& spec() const { return fabric_.spec(); }

  /** Cancels what runs, lets go of everything without waiting for the kernel, joins. Idempotent. */
  void stop();

 private:
  void run();
  /** Takes what is to be done; false: the thread ends, because of stop() or because there is nothing to watch. */
  bool take(std::deque<std::function<void(Fabric&)>>& jobs);
  bool has_jobs();

  Fabric fabric_;
  std::shared_ptr<netns::SwitchLog> log_;
  std::mutex mutex_;
  std::deque<std::function<void(Fabric&)>> jobs_;
  bool stop_ = false;
  /** The thread lives while there is something to do or to watch: an idle fabric costs neither thread nor descriptor.
   */
  bool running_ = false;
  Thread thread_;
};

}  // namespace nslab::fabric
