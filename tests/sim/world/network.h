#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "reconciler/ports/command_runner.h"
#include "reconciler/ports/http_client.h"
#include "tests/sim/host/sim_host.h"

namespace slipway::sim {

// What the network does to one connection.
struct LinkPlan {
  enum class Connect { Accepted, Refused, Silent, Denied, KeyMismatch } connect = Connect::Accepted;
  Duration latency = std::chrono::milliseconds(1);  // one way
  int cutAtAnswer = 0;                              // the n-th piece of output never arrives, nor anything after it
  Duration cutAfter{0};                             // reset then; 0: never
  bool silentCut = false;                           // nobody is told of the cut: the deadline finds out
  std::string noise;                                // a login script prints this first
  bool flood = false;                               // and this one never stops
};

// The key of every simulated host.
inline constexpr std::string_view kHostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9hCr8EKyGbVfzFPz3bUqjTz4wvLY5HaZDsXzY1zZzq";

// The first words of a host request.
struct SentRequest {
  std::string kind;
  std::string operation;
  std::uint64_t fence = 0;  // 0: it has none
  bool pinned = false;      // it goes to whoever has that key, and to nobody else
};
SentRequest peekRequest(std::string_view input);

// The SSH client of one process, towards simulated hosts. Without threads: everything happens in the timeline.
class SimRunner final : public CommandRunner {
 public:
  struct Ports {
    HostWorld& world;
    std::function<SimHost*(const std::string& address)> host;  // null: there is no such machine
    std::function<LinkPlan(SimHost&, const SentRequest&)> plan;
    // May forbid the effect (false): the process dies before it.
    std::function<bool(const SentRequest&, const std::string& address)> starting;
    std::function<void(const SentRequest&)> started;
    std::function<void(const SentRequest&)> answered;
  };
  explicit SimRunner(Ports ports) : ports_(std::move(ports)) {}
  ~SimRunner() override { cutAll(); }

  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command, RemoteEvents events) override;
  // The process died: its connections are closed and it hears nothing more.
  void cutAll();
  // The network dropped every connection: both ends are told.
  void resetAll();

 private:
  class Connection;
  Ports ports_;
  std::set<std::shared_ptr<Connection>> open_;
};

// Health checks, answered by the simulated application.
class SimHttp final : public HttpClient {
 public:
  struct Ports {
    HostWorld& world;
    std::function<Result<HttpClientResponse>(const std::string& address, int port, const std::string& path)> answer;
    std::function<Duration()> latency;
    std::function<bool()> alive;
    // A request with an effect leaves, and has left. False: the process ends before, nothing is sent.
    std::function<bool(const HttpClientRequest&)> before = nullptr;
    std::function<void()> after = nullptr;
  };
  explicit SimHttp(Ports ports) : ports_(std::move(ports)) {}
  void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) override;
  void connect(const std::string& host, int port, Duration timeout, std::function<void(Status)> done) override;

 private:
  Ports ports_;
};

}  // namespace slipway::sim
