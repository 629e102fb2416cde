#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "providers/transport/loop_mailbox.h"
#include "providers/transport/open_ssh_command_runner.h"
#include "providers/transport/open_ssh_job.h"

namespace slipway::transport {

// The thread that starts and drives every ssh program.
class OpenSshLoop {
 public:
  using Mailbox = LoopMailbox<OpenSshLoop>;

  OpenSshLoop(OpenSshOptions options, Clock& clock, Metrics& metrics, Logger& logger);
  // Ends every job with Cancelled.
  ~OpenSshLoop();
  OpenSshLoop(const OpenSshLoop&) = delete;
  OpenSshLoop& operator=(const OpenSshLoop&) = delete;

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // False once the system had no process left for one more. Thread-safe.
  bool parallel() const { return parallel_; }

  // The rest is for tasks in the mailbox, on the loop's thread. Null and finished jobs are ignored.
  void begin(const std::shared_ptr<OpenSshJob>& job);
  void write(const std::shared_ptr<OpenSshJob>& job, std::string_view bytes);
  void closeInput(const std::shared_ptr<OpenSshJob>& job);
  void cancel(const std::shared_ptr<OpenSshJob>& job);

 private:
  using Job = std::shared_ptr<OpenSshJob>;

  void run();
  void launchWaiting();
  void launch(const Job& job);
  void waitForEvents();
  void advanceAll();
  void expire(const Job& job);
  void sweep();

  OpenSshOptions options_;
  Clock& clock_;
  Metrics& metrics_;
  Logger& logger_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::atomic<bool> parallel_ = true;
  std::list<Job> jobs_;  // in the order of their begin
  std::jthread thread_;
};

}  // namespace slipway::transport
