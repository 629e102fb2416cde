// nginx: an upstream in a file, `nginx -t`, a reload; then workers that began after it.
#include <algorithm>

#include "providers/traffic/dialect.h"
#include "providers/traffic/nginx_text.h"
#include "providers/traffic/wanted.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

// Why the running nginx may not have read the file as it is now; empty: it has.
std::string notRead(const Look& look) {
  if (!look.noMaster.empty()) {
    return look.noMaster;
  }
  if (!look.record || look.record->reloadedAt == 0 || look.record->reloadedBoot != look.boot) {
    return {};
  }
  bool any = false;
  for (const Worker& worker : look.workers) {
    if (!worker.leaving && worker.began < look.record->reloadedAt) {
      return cat("worker process ", worker.pid, " is older than the last reload and goes on");
    }
    any = any || !worker.leaving;
  }
  return any ? "" : "nginx has no worker process";
}

bool anyLeaving(const Look& look) {
  return std::any_of(look.workers.begin(), look.workers.end(), [](const Worker& worker) { return worker.leaving; });
}

class Nginx final : public Dialect {
 public:
  std::vector<std::string> questions(const TrafficSpec&) const override { return {}; }

  Result<Sight> read(const TrafficSpec& spec, const Look& look) const override {
    Sight out;
    const Result<std::optional<NginxUpstream>> upstream = findNginxUpstream(look.file.value_or(""), spec.service);
    if (!upstream) {
      return upstream.status().withContext(spec.filePath());
    }
    if (upstream->has_value()) {
      out.exists = true;
      out.managed = (*upstream)->block;
      for (const NginxServer& server : (*upstream)->servers) {
        out.configured.push_back(server.state);
      }
      sortByName(out.configured);
    }
    out.running = out.configured;
    for (BackendState& state : out.running) {
      // Workers that leave keep the connections they have; without them a drained backend has none.
      const int open = connectionsTo(state.backend, look.connections);
      const int leaving = anyLeaving(look) ? (open < 0 ? 1 : open) : 0;
      state.connections = state.weight == 0 ? leaving : open;
    }
    out.problem = notRead(look);
    return out;
  }

  Result<std::optional<Next>> next(const Turn& turn) const override {
    if (turn.wanted.sameAs(turn.sight.configured)) {
      if (turn.sight.problem.empty() || !turn.look.noMaster.empty()) {
        return std::optional<Next>();
      }
      // Written, but the reload was never made or not taken up: signals may be merged.
      const bool ordered = turn.look.record && turn.look.record->settled;
      return ordered ? std::optional<Next>() : std::optional(reloaded(turn, turn.sight.managed));
    }
    const std::string file = turn.look.file.value_or("");
    const Result<std::optional<NginxUpstream>> upstream = findNginxUpstream(file, turn.spec.service);
    const bool open = !file.empty() && !file.ends_with('\n');
    const NginxUpstream old =
        upstream->value_or(NginxUpstream{.before = cat(file, open ? "\n" : ""), .block = {}, .after = "\n"});
    Next out = reloaded(turn, withNginxServers(old, turn.spec.service, turn.wanted.backends));
    return std::optional(replace(std::move(out), turn, old));
  }

  Result<std::optional<Next>> restore(const Turn& turn) const override {
    const std::string file = turn.look.file.value_or("");
    const Result<std::optional<NginxUpstream>> upstream = findNginxUpstream(file, turn.spec.service);
    const NginxUpstream old = upstream->value_or(NginxUpstream{.before = file, .block = {}, .after = {}});
    Next out = reloaded(turn, turn.look.record->original);
    out = replace(std::move(out), turn, old);
    if (trim(out.change.content).empty()) {
      out.change.file = Change::File::Remove;
    }
    return std::optional(std::move(out));
  }

  Status judge(const Turn&, const Answer& answer) const override { return answer.status; }

 private:
  static Next reloaded(const Turn& turn, std::string managed) {
    Next out;
    out.change.test = turn.spec.testCommand();
    out.change.reload = turn.spec.reloadCommand();
    out.managedAfter = std::move(managed);
    return out;
  }
  static Next replace(Next out, const Turn& turn, const NginxUpstream& old) {
    out.change.file = Change::File::Write;
    out.change.expected = turn.look.file.value_or("");
    out.change.content = cat(old.before, out.managedAfter, old.after);
    return out;
  }
};

}  // namespace

const Dialect& nginxDialect() {
  static const Nginx dialect;
  return dialect;
}

}  // namespace slipway::traffic
