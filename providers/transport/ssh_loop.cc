#include "providers/transport/ssh_loop.h"

#include <algorithm>

#include <poll.h>

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kJobsPerConnection = 8;  // sshd's MaxSessions is 10
constexpr int kOpeningAtAnAddress = 8;         // sshd's MaxStartups begins to drop at 10
constexpr int kOpening = 64;
constexpr Duration kIdle = std::chrono::seconds(60);
constexpr Duration kPerAddress = std::chrono::seconds(5);
constexpr int kLookAgainMs = 1000;  // a guard against a library that keeps something to itself

}  // namespace

SshLoop::SshLoop(Clock& clock, Metrics& metrics, Logger& logger)
    : clock_(clock), metrics_(metrics), logger_(logger), thread_([this] { run(); }) {}

SshLoop::~SshLoop() { mailbox_->close(); }

void SshLoop::run() {
  while (mailbox_->run(*this)) {
    settleAll();
    retireIdle();
    openWaiting();
    waitForEvents();
    settleAll();
  }
  const auto all = jobs_;
  for (const auto& [raw, held] : all) {
    clock_.cancelTimer(held.first->timer);
    held.first->finish(Status(Code::Cancelled, "the runner stops"));
  }
  jobs_.clear();
  connections_.clear();
}

void SshLoop::waitForEvents() {
  std::vector<pollfd> fds = {{mailbox_->fd(), POLLIN, 0}};
  std::vector<Connection> polled;
  for (const auto& [key, connection] : connections_) {
    if (connection->fd() >= 0) {
      fds.push_back({connection->fd(), connection->pollEvents(), 0});
      polled.push_back(connection);
    }
  }
  const int ready = ::poll(fds.data(), fds.size(), polled.empty() ? -1 : kLookAgainMs);
  for (std::size_t i = 0; i < polled.size(); ++i) {
    if (ready == 0 || fds[i + 1].revents != 0) {
      polled[i]->advance();
    }
  }
}

void SshLoop::begin(const std::shared_ptr<SshJob>& job) {
  if (Status pinned = checkPins(job->target()); !pinned) {
    job->finish(std::move(pinned));
    recordEnd(*job, metrics_, logger_);
    return;
  }
  job->timer = clock_.startTimer(job->deadline(), [mailbox = mailbox_, weak = std::weak_ptr(job)] {
    mailbox->post([weak](SshLoop& loop) { loop.expire(weak.lock()); });
  });
  assign(job);
}

// To a connection that is there and has room, else to a new one.
void SshLoop::assign(const std::shared_ptr<SshJob>& job) {
  const std::string key = keyOf(job->target());
  const auto [from, to] = connections_.equal_range(key);
  for (auto at = from; at != to; ++at) {
    const Connection& connection = at->second;
    if (connection->state() != SshConnection::State::Dead && connection->jobs.size() < kJobsPerConnection) {
      connection->jobs.push_back(job);
      jobs_[job.get()] = {job, connection};
      connection->advance();
      return;
    }
  }
  const auto connection = std::make_shared<SshConnection>(job->target());
  connection->jobs.push_back(job);
  connections_.emplace(key, connection);
  jobs_[job.get()] = {job, connection};
}

// Starts waiting connections within the limits, in the order of the pool.
void SshLoop::openWaiting() {
  int opening = 0;
  std::map<std::string, int> atAddress;
  for (const auto& [key, connection] : connections_) {
    if (connection->isOpening() && connection->state() != SshConnection::State::Waiting) {
      ++opening;
      ++atAddress[connection->target().address];
    }
  }
  const auto all = connections_;
  for (const auto& [key, connection] : all) {
    if (connection->state() != SshConnection::State::Waiting || opening >= kOpening ||
        atAddress[connection->target().address] >= kOpeningAtAnAddress) {
      continue;
    }
    ++opening;
    ++atAddress[connection->target().address];
    resolve(connection);
  }
}

void SshLoop::resolve(const Connection& connection) {
  connection->beginResolving();
  const RemoteTarget& target = connection->target();
  resolver_.resolve(target.address, target.port,
                    [mailbox = mailbox_, connection](Result<std::vector<SocketAddress>> found) {
                      mailbox->post([connection, found = std::move(found)](SshLoop& loop) {
                        if (connection->state() != SshConnection::State::Resolving) {
                          return;
                        }
                        if (found) {
                          connection->dial(*found);
                          loop.limitDialling(connection);
                        } else {
                          connection->fail(found.status().withContext(connection->target().name));
                        }
                      });
                    });
}

// With other addresses left, one that does not answer must not use up the whole time.
void SshLoop::limitDialling(const Connection& connection) {
  if (!connection->isDialling() || !connection->hasMoreAddresses()) {
    return;
  }
  clock_.startTimer(clock_.steady() + kPerAddress, [mailbox = mailbox_, weak = std::weak_ptr(connection)] {
    mailbox->post([weak](SshLoop& loop) {
      if (const auto late = weak.lock()) {
        late->giveUpAddress();
        loop.limitDialling(late);
      }
    });
  });
}

void SshLoop::write(const std::shared_ptr<SshJob>& job, std::string_view bytes) {
  const auto found = jobs_.find(job.get());
  if (job != nullptr && found != jobs_.end()) {
    job->write(bytes);
    found->second.second->advance();
  }
}

void SshLoop::closeInput(const std::shared_ptr<SshJob>& job) {
  const auto found = jobs_.find(job.get());
  if (job != nullptr && found != jobs_.end()) {
    job->closeInput();
    found->second.second->advance();
  }
}

void SshLoop::cancel(const std::shared_ptr<SshJob>& job) {
  if (job != nullptr && jobs_.contains(job.get())) {
    job->finish(Status(Code::Cancelled, cat(describe(job->target()), ": cancelled")));
  }
}

void SshLoop::expire(const std::shared_ptr<SshJob>& job) {
  const auto found = jobs_.find(job.get());
  if (job == nullptr || found == jobs_.end()) {
    return;
  }
  const Connection connection = found->second.second;
  job->finish(lateStatus(*job));
  // A connection that never opened is no use to the next command either.
  if (connection->isOpening() &&
      std::all_of(connection->jobs.begin(), connection->jobs.end(), [](const auto& one) { return one->finished(); })) {
    connection->fail(Status(Code::Timeout, cat(describe(job->target()), " did not answer")));
  }
}

void SshLoop::settleAll() {
  const auto all = connections_;
  for (const auto& [key, connection] : all) {
    if (connection->countOnce()) {
      metrics_.add("slipway_ssh_connects_total",
                   {{"result", connection->wasReady() ? "ok" : resultLabel(connection->problem())}});
      metrics_.set("slipway_ssh_connections", {}, static_cast<double>(connections_.size()));
    }
    settle(connection);
  }
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    const std::shared_ptr<SshJob> job = at->second.first;
    if (job->finished()) {
      at->second.second->jobs.remove(job);
      at = jobs_.erase(at);
      ended(job);
    } else {
      ++at;
    }
  }
}

// What a dead connection leaves: jobs that never started may go to another one, once, when it had been working.
void SshLoop::settle(const Connection& connection) {
  if (connection->state() != SshConnection::State::Dead) {
    return;
  }
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& entry) { return entry.second == connection; });
  if (at != connections_.end()) {
    connections_.erase(at);
  }
  metrics_.set("slipway_ssh_connections", {}, static_cast<double>(connections_.size()));
  const auto left = std::exchange(connection->jobs, {});
  for (const auto& job : left) {
    if (job->finished()) {
      continue;
    }
    if (connection->wasReady() && job->moves++ == 0) {
      assign(job);
    } else {
      job->finish(connection->problem());
    }
  }
}

void SshLoop::retireIdle() {
  const SteadyTime now = clock_.steady();
  for (auto at = connections_.begin(); at != connections_.end();) {
    SshConnection& connection = *at->second;
    if (!connection.jobs.empty() || connection.state() != SshConnection::State::Ready) {
      connection.idleSince = {};
      ++at;
    } else if (connection.idleSince == SteadyTime{}) {
      connection.idleSince = now;
      ++at;
    } else if (now - connection.idleSince >= kIdle) {
      at = connections_.erase(at);
      metrics_.set("slipway_ssh_connections", {}, static_cast<double>(connections_.size()));
    } else {
      ++at;
    }
  }
}

void SshLoop::ended(const std::shared_ptr<SshJob>& job) {
  clock_.cancelTimer(job->timer);
  recordEnd(*job, metrics_, logger_);
}

// Everything that decides who we are and whom we trust. The private key only as a hash.
std::string SshLoop::keyOf(const RemoteTarget& target) {
  return cat(target.address, "|", target.port, "|", target.user, "|",
             sha256Hex(cat(target.privateKey, "|", target.passphrase)), "|", join(target.hostKeys, "|"));
}

}  // namespace slipway::transport
