#include "providers/transport/open_ssh_loop.h"

#include <algorithm>
#include <map>
#include <vector>

#include <poll.h>

#include "providers/transport/refusals.h"
#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr int kOpeningAtAnAddress = 8;  // sshd's MaxStartups begins to drop at 10
constexpr int kOpening = 32;
constexpr int kSoonMs = 20;

// What ssh would read as something else than a host.
bool isHost(const std::string& address) {
  return !address.empty() && address.front() != '-' && address.find_first_of("@/ \t\r\n") == std::string::npos;
}

}  // namespace

OpenSshLoop::OpenSshLoop(OpenSshOptions options, Clock& clock, Metrics& metrics, Logger& logger)
    : options_(std::move(options)), clock_(clock), metrics_(metrics), logger_(logger), thread_([this] { run(); }) {}

OpenSshLoop::~OpenSshLoop() { mailbox_->close(); }

void OpenSshLoop::run() {
  while (mailbox_->run(*this)) {
    sweep();
    launchWaiting();
    waitForEvents();
    advanceAll();
  }
  for (const Job& job : jobs_) {
    clock_.cancelTimer(job->timer);
    job->finish(Status(Code::Cancelled, "the runner stops"));
  }
  jobs_.clear();
}

void OpenSshLoop::waitForEvents() {
  std::vector<pollfd> fds = {{mailbox_->fd(), POLLIN, 0}};
  int timeout = -1;
  for (const Job& job : jobs_) {
    job->addTo(fds);
    // What ended in launching, or is about to end, is not announced by a descriptor.
    if (job->finished()) {
      timeout = 0;
    } else if (job->isEnding() && timeout < 0) {
      timeout = kSoonMs;
    }
  }
  ::poll(fds.data(), fds.size(), timeout);
}

void OpenSshLoop::advanceAll() {
  for (const Job& job : jobs_) {
    job->advance();
  }
}

void OpenSshLoop::begin(const Job& job) {
  Status fit = checkPins(job->target());
  if (fit && !isHost(job->target().address)) {
    fit = Status(Code::Unavailable, cat(describe(job->target()), ": the address is neither a name nor an IP address"));
  }
  if (!fit) {
    job->finish(std::move(fit));
    recordEnd(*job, metrics_, logger_);
    return;
  }
  job->timer = clock_.startTimer(job->deadline(), [mailbox = mailbox_, weak = std::weak_ptr(job)] {
    mailbox->post([weak](OpenSshLoop& loop) { loop.expire(weak.lock()); });
  });
  jobs_.push_back(job);
}

// Starts what waits, within the limits, in order.
void OpenSshLoop::launchWaiting() {
  int opening = 0;
  std::map<std::string, int> atAddress;
  for (const Job& job : jobs_) {
    if (job->launched() && !job->authenticated()) {
      ++opening;
      ++atAddress[job->target().address];
    }
  }
  for (const Job& job : jobs_) {
    if (job->launched() || job->finished() || opening >= kOpening ||
        atAddress[job->target().address] >= kOpeningAtAnAddress) {
      continue;
    }
    ++opening;
    ++atAddress[job->target().address];
    launch(job);
  }
}

void OpenSshLoop::launch(const Job& job) {
  const Status launched = job->launch(options_.program, options_.directory);
  if (launched) {
    return;
  }
  const bool othersRun =
      std::any_of(jobs_.begin(), jobs_.end(), [](const Job& one) { return one->launched() && !one->finished(); });
  if (launched.code() == Code::Unavailable && othersRun && parallel_.exchange(false)) {
    logger_.warn("No further process can be started: from now on commands run one at a time",
                 {{"error", launched.message()}});
    metrics_.set("slipway_ssh_parallel", {}, 0);
  }
  job->finish(Status(Code::Unavailable, cat(describe(job->target()), ": ", launched.message())));
}

void OpenSshLoop::write(const Job& job, std::string_view bytes) {
  if (job != nullptr && !job->finished()) {
    job->write(bytes);
    job->advance();
  }
}

void OpenSshLoop::closeInput(const Job& job) {
  if (job != nullptr && !job->finished()) {
    job->closeInput();
    job->advance();
  }
}

void OpenSshLoop::cancel(const Job& job) {
  if (job != nullptr && !job->finished()) {
    job->halt();
    job->finish(Status(Code::Cancelled, cat(describe(job->target()), ": cancelled")));
  }
}

void OpenSshLoop::expire(const Job& job) {
  if (job != nullptr && !job->finished()) {
    job->halt();
    job->finish(lateStatus(*job));
  }
}

void OpenSshLoop::sweep() {
  for (const Job& job : jobs_) {
    if (job->countOnce()) {
      metrics_.add("slipway_ssh_connects_total",
                   {{"result", job->authenticated() ? "ok" : resultLabel(job->outcome())}});
    }
    if (job->finished()) {
      clock_.cancelTimer(job->timer);
      recordEnd(*job, metrics_, logger_);
    }
  }
  jobs_.remove_if([](const Job& job) { return job->finished(); });
  metrics_.set("slipway_ssh_connections", {},
               static_cast<double>(
                   std::count_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job->authenticated(); })));
}

}  // namespace slipway::transport
