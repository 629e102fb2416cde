#include "tests/sim/world/network.h"

#include <charconv>
#include <utility>

#include "reconciler/base/strings.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {
namespace {

// How long a machine keeps a connection whose other end fell silent.
constexpr Duration kKeepAlive = std::chrono::minutes(2);

}  // namespace

SentRequest peekRequest(std::string_view input) {
  SentRequest out;
  std::size_t size = 0;
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) {
    return out;
  }
  std::from_chars(input.data(), input.data() + line, size);
  std::size_t at = line + 1 + size;
  std::string root, environment, application, fence;
  for (std::string* into : {&out.kind, &out.operation, &root, &environment, &application, &fence}) {
    const std::size_t end = input.find('\n', at);
    if (at >= input.size() || end == std::string_view::npos || input[at] != '=') {
      return out;
    }
    *into = input.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  std::from_chars(fence.data(), fence.data() + fence.size(), out.fence);
  return out;
}

// One command: the client's end, the wire and the script at the other end.
class SimRunner::Connection final : public RemoteProcess, public std::enable_shared_from_this<Connection> {
 public:
  Connection(SimRunner& runner, RemoteCommand command, RemoteEvents events)
      : runner_(&runner), world_(runner.ports_.world), command_(std::move(command)), events_(std::move(events)) {}

  void open(SimHost* host, LinkPlan plan, SentRequest request) {
    plan_ = std::move(plan);
    request_ = std::move(request);
    const auto self = shared_from_this();
    world_.after(command_.deadline - world_.now(), [self] { self->close({Code::Timeout, "deadline passed"}, true); });
    if (plan_.connect == LinkPlan::Connect::Silent) {
      return;
    }
    world_.after(2 * plan_.latency, [self, host] { self->connected(host); });
  }

  void write(std::string bytes) override {
    toHost([self = shared_from_this(), bytes] { self->script_->input(bytes); });
    if (events_.drained) {
      const auto self = shared_from_this();
      world_.after(Duration(1000), [self] {
        if (!self->closed_ && self->events_.drained) self->events_.drained();
      });
    }
  }
  void closeInput() override {
    toHost([self = shared_from_this()] { self->script_->closeInput(); });
  }
  void cancel() override { close({Code::Cancelled, "cancelled"}, true); }

  // The client is gone and hears nothing.
  void abandon() {
    closed_ = true;
    hangUp(false);
  }
  void reset() { close({started_ ? Code::OutcomeUnknown : Code::Unavailable, "connection reset"}, true); }

 private:
  void connected(SimHost* host) {
    if (closed_) {
      return;
    }
    using Connect = LinkPlan::Connect;
    if (host == nullptr || plan_.connect == Connect::Refused) {
      close({Code::Unavailable, "connection refused"}, false);
    } else if (plan_.connect == Connect::Denied) {
      close({Code::Denied, "authentication refused"}, false);
    } else if (plan_.connect == Connect::KeyMismatch) {
      close({Code::Denied, "host key is not one of those that are pinned"}, false);
    } else {
      begin(*host);
    }
  }

  void begin(SimHost& host) {
    started_ = true;
    host_ = &host;
    if (events_.started) {
      events_.started();
    }
    if (command_.input.empty()) {  // a probe: `exit 0`
      exited(0);
      return;
    }
    const std::weak_ptr<Connection> weak = shared_from_this();
    HostChannel channel;
    channel.output = [weak](std::string text) {
      if (const auto self = weak.lock()) self->fromHost(std::move(text), true);
    };
    channel.error = [weak](std::string text) {
      if (const auto self = weak.lock()) self->fromHost(std::move(text), false);
    };
    channel.exit = [weak](int code) {
      if (const auto self = weak.lock()) self->exited(code);
    };
    script_ = std::make_shared<HostScript>(host, std::move(channel));
    host.changed();
    if (!plan_.noise.empty()) {
      fromHost(plan_.noise, true);
    }
    toHost([self = shared_from_this()] {
      self->script_->input(self->command_.input);
      if (self->command_.closeInput) self->script_->closeInput();
    });
    if (plan_.cutAfter > Duration(0)) {
      world_.after(plan_.cutAfter, [self = shared_from_this()] { self->cut(); });
    }
  }

  // Something of this connection reaches its script, or is on its way to it whatever becomes of this end.
  void changed() {
    if (script_ != nullptr) {
      host_->changed();
    }
  }

  // In order, each after the wire's time.
  template <typename F>
  void toHost(F action) {
    changed();
    toHostAt_ = std::max(toHostAt_ + Duration(1), world_.now() + plan_.latency);
    world_.after(toHostAt_ - world_.now(), [self = shared_from_this(), action = std::move(action)] {
      if (self->wireCut_ || self->script_ == nullptr) return;
      self->changed();
      action();
    });
  }
  template <typename F>
  void toClient(F action) {
    toClientAt_ = std::max(toClientAt_ + Duration(1), world_.now() + plan_.latency);
    world_.after(toClientAt_ - world_.now(), [self = shared_from_this(), action = std::move(action)] {
      if (!self->closed_ && !self->wireCut_) action();
    });
  }

  void fromHost(std::string text, bool output) {
    if (closed_ || wireCut_) {
      return;
    }
    if (output && plan_.cutAtAnswer > 0 && ++answers_ >= plan_.cutAtAnswer) {
      cut();
      return;
    }
    toClient([this, text = std::move(text), output] {
      printed_ += output ? text.size() : 0;
      if (plan_.flood || printed_ > command_.outputLimit) {
        close({Code::Invalid, "more output than allowed"}, true);
        return;
      }
      const auto& event = output ? events_.output : events_.error;
      if (event) event(text);
    });
  }

  void exited(int code) {
    toClient([this, code] {
      if (code == 255) {
        close({Code::OutcomeUnknown, "the connection was lost while the command ran"}, false);
      } else {
        finish(code);
      }
    });
  }

  // The wire is cut: the host's end finds out later, this one at once or by its deadline.
  void cut() {
    if (closed_ || wireCut_) {
      return;
    }
    wireCut_ = true;
    hangUp(plan_.silentCut);
    if (!plan_.silentCut) {
      close({started_ ? Code::OutcomeUnknown : Code::Unavailable, "connection reset by peer"}, false);
    }
  }

  void hangUp(bool silent) {
    if (script_ == nullptr) {
      return;
    }
    changed();
    world_.after(silent ? kKeepAlive : plan_.latency, [self = shared_from_this()] {
      self->changed();
      self->script_->hangUp();
    });
  }

  void close(Status why, bool tellHost) {
    if (closed_) {
      return;
    }
    if (tellHost && !wireCut_) {
      hangUp(false);
    }
    finish(std::move(why));
  }

  void finish(Result<int> result) {
    if (std::exchange(closed_, true)) {
      return;
    }
    const auto keep = shared_from_this();
    SimRunner* runner = runner_;
    runner->open_.erase(keep);
    runner->ports_.answered(request_);
    const auto exit = std::move(events_.exit);
    events_ = {};
    if (exit) {
      exit(std::move(result));
    }
  }

  SimRunner* runner_;
  HostWorld& world_;
  RemoteCommand command_;
  RemoteEvents events_;
  LinkPlan plan_;
  SentRequest request_;
  std::shared_ptr<HostScript> script_;
  SimHost* host_ = nullptr;  // where the script runs
  SteadyTime toHostAt_{};
  SteadyTime toClientAt_{};
  std::size_t printed_ = 0;
  int answers_ = 0;
  bool started_ = false;
  bool wireCut_ = false;
  bool closed_ = false;
};

std::shared_ptr<RemoteProcess> SimRunner::start(const RemoteTarget& target, RemoteCommand command,
                                                RemoteEvents events) {
  SentRequest request = peekRequest(command.input);
  request.pinned = target.hostKeys == std::vector<std::string>{std::string(kHostKey)};
  const bool goes = ports_.starting(request, target.address);
  auto connection = std::make_shared<Connection>(*this, std::move(command), std::move(events));
  if (!goes) {
    connection->abandon();
    return connection;
  }
  SimHost* host = ports_.host(target.address);
  open_.insert(connection);
  LinkPlan plan = host == nullptr ? LinkPlan{} : ports_.plan(*host, request);
  if (!request.pinned && plan.connect == LinkPlan::Connect::Accepted) {
    plan.connect = LinkPlan::Connect::KeyMismatch;
  }
  connection->open(host, std::move(plan), request);
  ports_.started(request);
  return connection;
}

void SimRunner::cutAll() {
  for (const auto& connection : std::exchange(open_, {})) {
    connection->abandon();
  }
}

void SimRunner::resetAll() {
  const auto open = open_;
  for (const auto& connection : open) {
    connection->reset();
  }
}

void SimHttp::send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) {
  if (ports_.before != nullptr && !ports_.before(request)) {
    return;
  }
  // scheme://address:port/path
  const std::size_t from = request.url.find("://") + 3;
  const std::size_t slash = request.url.find('/', from);
  const std::string place = request.url.substr(from, slash - from);
  const std::size_t colon = place.rfind(':');
  int port = 80;
  std::from_chars(place.data() + colon + 1, place.data() + place.size(), port);
  const Duration latency = ports_.latency();
  const bool late = 2 * latency > request.timeout;
  ports_.world.after(late ? request.timeout : 2 * latency, [this_ = ports_, done = std::move(done),
                                                            address = place.substr(0, colon), port,
                                                            path = request.url.substr(slash), late] {
    if (this_.alive()) {
      done(late ? Result<HttpClientResponse>(Code::Timeout, "no answer in time") : this_.answer(address, port, path));
    }
  });
  if (ports_.after != nullptr) {
    ports_.after();
  }
}

void SimHttp::connect(const std::string& host, int port, Duration timeout, std::function<void(Status)> done) {
  const Duration latency = ports_.latency();
  const bool late = 2 * latency > timeout;
  ports_.world.after(late ? timeout : 2 * latency, [this_ = ports_, done = std::move(done), host, port, late] {
    if (!this_.alive()) {
      return;
    }
    done(late ? Status(Code::Timeout, "no answer in time") : this_.answer(host, port, "").status());
  });
}

}  // namespace slipway::sim
