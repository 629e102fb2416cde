#include "tests/sim/world/control_loop.h"

#include "reconciler/analysis/analyst.h"
#include "reconciler/base/strings.h"

namespace slipway::sim {

void SimLogger::log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  checker_.published("the log", message);
  for (const auto& [name, value] : fields) {
    checker_.published("the log", value);
  }
  if (!show_) {
    return;
  }
  std::string line = cat(level == LogLevel::Error || level == LogLevel::Warn ? "W " : "I ", message);
  for (const auto& [name, value] : fields) {
    line += cat(" ", name, "=", value);
  }
  show_(line);
}

ControlLoop::ControlLoop(Ports ports)
    : clock_(ports.time),
      random_(ports.seed),
      log_(ports.checker, ports.show),
      runLog_(ports.checker),
      api_({ports.api, ports.time, ports.faults, ports.stale, ports.before, ports.after,
            [&checker = ports.checker](Code code, Revision written) { checker.wrote(code, written); },
            ports.lastRevision,
            [&checker = ports.checker](const Kind& kind, Revision after, Revision at, bool bookmark) {
              checker.watched(kind, after, at, bookmark);
            }}),
      runner_(ports.network),
      http_(ports.http),
      outbound_(ports.outbound),
      traffic_(ports.traffic),
      provider_(vm::newSteppedSshVmProvider(runner_, clock_, metrics_, log_)),
      analyst_(analysis::newAnalyst({http_, *provider_, clock_})) {
  controllers_ = std::make_unique<daemon::Controllers>(daemon::ControllerPorts{api_,
                                                                               api_,
                                                                               api_,
                                                                               api_,
                                                                               *provider_,
                                                                               runner_,
                                                                               http_,
                                                                               ports.source,
                                                                               runLog_,
                                                                               metrics_,
                                                                               clock_,
                                                                               random_,
                                                                               log_,
                                                                               pool_,
                                                                               ports.holder,
                                                                               {{ProxyType::Caddy, &traffic_}},
                                                                               analyst_.get(),
                                                                               &outbound_},
                                                       1);
  loops_ = controllers_->loops();
  loops_.push_back({"provider", [this] { return provider_->step(); }});
  loops_.push_back({"pool", [this] { return pool_.step(); }});
}

// As the daemon ends, but at once: what is under way hears nothing more.
ControlLoop::~ControlLoop() {
  runner_.cutAll();
  provider_.reset();
}

}  // namespace slipway::sim
