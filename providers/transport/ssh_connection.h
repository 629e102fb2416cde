#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "providers/transport/name_resolver.h"
#include "providers/transport/ssh_job.h"
#include "providers/transport/ssh_library.h"
#include "reconciler/base/clock.h"

struct ssh_event_struct;

namespace slipway::transport {

// One connection to a server, from the first address tried to its end, and the commands it carries. Driven by advance()
// whenever its descriptor is ready. Used on the runner's thread only.
class SshConnection {
 public:
  enum class State { Waiting, Resolving, Dialling, Greeting, Authenticating, Ready, Dead };

  explicit SshConnection(RemoteTarget target);
  ~SshConnection();
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;

  State state() const { return state_; }
  const RemoteTarget& target() const { return target_; }
  // Why it is dead.
  const Status& problem() const { return problem_; }
  bool isOpening() const { return state_ != State::Ready && state_ != State::Dead; }
  int fd() const;
  short pollEvents() const;

  void beginResolving() { state_ = State::Resolving; }
  void dial(std::vector<SocketAddress> addresses);
  // The address at hand does not answer: the next, if there is one.
  void giveUpAddress();
  bool isDialling() const { return state_ == State::Dialling; }
  bool hasMoreAddresses() const { return nextAddress_ < addresses_.size(); }
  // Goes on as far as it can without waiting. Finished jobs leave the list.
  void advance();
  // It was open once: what ends it says nothing about the next one.
  bool wasReady() const { return wasReady_; }
  // True once, when the attempt to open has ended either way.
  bool countOnce() { return !isOpening() && !std::exchange(counted_, true); }
  void fail(Status why);

  std::list<std::shared_ptr<SshJob>> jobs;
  SteadyTime idleSince{};

 private:
  void dialNext();
  void advanceDialling();
  void advanceGreeting();
  void advanceAuthentication();
  void pumpPackets();

  RemoteTarget target_;
  State state_ = State::Waiting;
  bool wasReady_ = false;
  bool counted_ = false;
  Status problem_;
  std::vector<SocketAddress> addresses_;
  std::size_t nextAddress_ = 0;
  int dialling_ = -1;
  Session session_;
  ssh_event_struct* event_ = nullptr;
  Key key_;
};

}  // namespace slipway::transport
