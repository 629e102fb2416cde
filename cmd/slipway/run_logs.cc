#include "cmd/slipway/run_logs.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "cmd/slipway/follow.h"
#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kMaxFollowed = 100;

Result<Json> findRun(client::ApiClient& api, const ObjectKey& key) {
  auto run = api.get(kReleaseRun, key);
  if (run || run.code() != Code::NotFound) {
    return run;
  }
  auto view = fetchRelease(api, key);
  if (!view) {
    return view.code() == Code::NotFound
               ? Status(Code::NotFound, cat("there is neither a run nor a release named ", key.toString()))
               : view.status();
  }
  if (!view->run) {
    return Status(Code::NotFound, cat("release ", key.toString(), " has no run yet"));
  }
  return std::move(*view->run);
}

std::vector<std::string> targetsOf(const Json& run) {
  std::vector<std::string> names;
  if (const Json* targets = run.at({"status", "targets"}); targets != nullptr && targets->isArray()) {
    for (const Json& target : targets->asArray()) {
      names.push_back(target.getString("name"));
    }
  }
  return names;
}

class LogReader {
 public:
  LogReader(Context& context, client::ApiClient& api, LogSource source, bool prefixed)
      : context_(context), api_(api), source_(std::move(source)), follow_(source_.follow), prefixed_(prefixed) {}

  // Blocks until that server's log has ended.
  Status print(const std::string& server) {
    client::ApiRequest request{.path = client::resourcePath(source_.kind, source_.key, "log"),
                               .query = {{"server", server}}};
    request.accept = "text/plain, application/json";
    if (follow_) {
      request.query.emplace_back("follow", "true");
    }
    auto stream = api_.open(request);
    if (!stream) {
      return stream.code() == Code::NotFound && !follow_ ? Status::ok() : stream.status();
    }
    std::string pending;
    while (true) {
      auto piece = (*stream)->read(std::chrono::seconds(30));
      if (piece.code() == Code::Timeout && follow_) {
        continue;
      }
      if (!piece) {
        return piece.status();
      }
      if (!*piece) {
        break;
      }
      pending += **piece;
      const std::size_t end = pending.rfind('\n');
      if (end != std::string::npos) {
        show(server, pending.substr(0, end + 1));
        pending.erase(0, end + 1);
      }
    }
    if (!pending.empty()) {
      show(server, pending + "\n");
    }
    return Status::ok();
  }

 private:
  void show(const std::string& server, const std::string& lines) {
    if (!prefixed_) {
      context_.print(lines);
      return;
    }
    std::string text;
    for (const std::string& line : split(trim(lines), '\n')) {
      text += cat(server, " | ", line, "\n");
    }
    context_.print(text);
  }

  Context& context_;
  client::ApiClient& api_;
  const LogSource source_;
  const bool follow_;
  const bool prefixed_;
};

int followAll(Context& context, LogReader& reader, const std::vector<std::string>& servers) {
  std::atomic<int> code = kConverged;
  std::vector<std::jthread> threads;
  for (const std::string& server : servers) {
    threads.emplace_back([&, server] {
      if (const Status status = reader.print(server); !status) {
        context.note(cat("error: ", server, ": ", status.message()));
        code = kFailed;
      }
    });
  }
  threads.clear();
  return code;
}

}  // namespace

int printLogs(Context& context, const std::string& name, const LogOptions& options) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  const auto run = findRun(**api, {context.ns(), name});
  if (!run) {
    return context.fail(run.status());
  }
  const std::vector<std::string> targets = targetsOf(*run);
  for (const std::string& server : options.servers) {
    if (std::find(targets.begin(), targets.end(), server) == targets.end()) {
      return context.badInput(cat("--server ", server, ": the run has no such server: ", join(targets, ", ")));
    }
  }
  const std::string runName = run->at({"metadata", "name"})->asString();
  return printServerLogs(context, **api, {kReleaseRun, {context.ns(), runName}, options.follow},
                         options.servers.empty() ? targets : options.servers);
}

int printServerLogs(Context& context, client::ApiClient& api, const LogSource& source,
                    const std::vector<std::string>& servers) {
  const bool several = servers.size() > 1;
  LogReader reader(context, api, source, several && source.follow);
  if (source.follow) {
    if (servers.size() > kMaxFollowed) {
      return context.badInput(cat("-f follows at most ", kMaxFollowed, " servers: choose some with --server"));
    }
    return followAll(context, reader, servers);
  }
  for (const std::string& server : servers) {
    if (several) {
      context.print(cat("==> ", server, " <==\n"));
    }
    if (const Status status = reader.print(server); !status) {
      return context.fail(status.withContext(server));
    }
  }
  return kConverged;
}

}  // namespace slipway::cli
