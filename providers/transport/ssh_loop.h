#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "providers/transport/loop_mailbox.h"
#include "providers/transport/name_resolver.h"
#include "providers/transport/ssh_connection.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/ports/metrics.h"

namespace slipway::transport {

// The thread that drives every SSH connection, and the pool of them.
class SshLoop {
 public:
  using Mailbox = LoopMailbox<SshLoop>;

  SshLoop(Clock& clock, Metrics& metrics, Logger& logger);
  // Ends every job with Cancelled.
  ~SshLoop();
  SshLoop(const SshLoop&) = delete;
  SshLoop& operator=(const SshLoop&) = delete;

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  // The rest is for tasks in the mailbox, on the loop's thread. Null jobs are ignored.
  void begin(const std::shared_ptr<SshJob>& job);
  void write(const std::shared_ptr<SshJob>& job, std::string_view bytes);
  void closeInput(const std::shared_ptr<SshJob>& job);
  void cancel(const std::shared_ptr<SshJob>& job);

 private:
  using Connection = std::shared_ptr<SshConnection>;

  void run();
  void waitForEvents();
  void assign(const std::shared_ptr<SshJob>& job);
  void openWaiting();
  void resolve(const Connection& connection);
  void limitDialling(const Connection& connection);
  void expire(const std::shared_ptr<SshJob>& job);
  void settle(const Connection& connection);
  void settleAll();
  void retireIdle();
  void ended(const std::shared_ptr<SshJob>& job);
  static std::string keyOf(const RemoteTarget& target);

  Clock& clock_;
  Metrics& metrics_;
  Logger& logger_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::multimap<std::string, Connection> connections_;  // by what may share one
  std::map<SshJob*, std::pair<std::shared_ptr<SshJob>, Connection>> jobs_;
  NameResolver resolver_;
  std::jthread thread_;
};

}  // namespace slipway::transport
