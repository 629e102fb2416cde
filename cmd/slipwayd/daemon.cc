#include "cmd/slipwayd/daemon.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cmd/slipwayd/controllers.h"
#include "cmd/slipwayd/operations.h"
#include "cmd/slipwayd/own_definitions.h"
#include "cmd/slipwayd/ssh_backend.h"
#include "cmd/slipwayd/version.h"
#include "providers/traffic/traffic_manager.h"
#include "providers/transport/http_client.h"
#include "providers/vm/ssh_server_operator.h"
#include "providers/vm/ssh_vm_provider.h"
#include "reconciler/analysis/analyst.h"
#include "reconciler/analysis/template_rules.h"
#include "reconciler/apiserver/api_server.h"
#include "reconciler/apiserver/delete_collector.h"
#include "reconciler/apiserver/in_process_api.h"
#include "reconciler/apiserver/listener/authenticator.h"
#include "reconciler/apiserver/listener/http_listener.h"
#include "reconciler/apiserver/listener/pki.h"
#include "reconciler/apiserver/listener/tls_context.h"
#include "reconciler/apiserver/registry_install.h"
#include "reconciler/apiserver/rest_review.h"
#include "reconciler/apiserver/rest_stream.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/metrics/prometheus_metrics.h"
#include "reconciler/runtime/thread_pool.h"
#include "reconciler/source/artifact_source.h"
#include "reconciler/store/file_run_log.h"
#include "reconciler/store/sqlite_store.h"

namespace slipway::daemon {
namespace {

using apiserver::HttpListener;

constexpr std::size_t kFetchThreads = 4;

// /metrics beside the API, or alone on its own port.
class MetricsHandler final : public apiserver::HttpHandler {
 public:
  MetricsHandler(metrics::PrometheusMetrics& metrics, apiserver::HttpHandler& rest) : metrics_(metrics), rest_(rest) {}

  void handle(const apiserver::HttpRequest& request, std::shared_ptr<apiserver::HttpResponder> responder) override {
    if (request.path != "/metrics" || request.method != "GET") {
      rest_.handle(request, std::move(responder));
      return;
    }
    responder->send({.contentType = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.expose()});
  }

 private:
  metrics::PrometheusMetrics& metrics_;
  apiserver::HttpHandler& rest_;
};

// Answers health only: what the plain metrics port serves besides /metrics.
class HealthOnly final : public apiserver::HttpHandler {
 public:
  explicit HealthOnly(apiserver::HttpHandler& api) : api_(api) {}
  void handle(const apiserver::HttpRequest& request, std::shared_ptr<apiserver::HttpResponder> responder) override {
    if (request.path == "/healthz" || request.path == "/readyz" || request.path == "/livez") {
      api_.handle(request, std::move(responder));
      return;
    }
    responder->send({.status = 404, .contentType = "text/plain", .body = "404 page not found\n"});
  }

 private:
  apiserver::HttpHandler& api_;
};

// Everything one `slipwayd serve` is made of. Members are destroyed in reverse order: nothing outlives what it uses.
class Server {
 public:
  explicit Server(const ServeOptions& options)
      : options_(options),
        clock_(newSystemClock()),
        random_(newSystemRandom()),
        log_(newStderrLogger(options.log, *clock_)) {}

  Status start() {
    Result<std::shared_ptr<transport::OutboundRules>> rules = transport::OutboundRules::create(options_.allowOutbound);
    SLIPWAY_RETURN_IF_ERROR(rules.status().withContext("--allow-outbound"));
    outboundRules_ = *rules;
    SLIPWAY_RETURN_IF_ERROR(openStore());
    SLIPWAY_RETURN_IF_ERROR(openApi());
    SLIPWAY_RETURN_IF_ERROR(openServers());
    startControllers();
    return listen();
  }

  // Also after a start that failed half-way: what had begun to work on releases must not outlive what it calls.
  void stop() {
    log_->info("stopping");
    ready_ = false;
    if (metricsListener_ != nullptr) {
      metricsListener_->stop(Duration(0));
    }
    if (pump_ != nullptr) {
      pump_->stop();
    }
    if (listener_ != nullptr) {
      listener_->stop(std::chrono::seconds(5));
    }
    if (controllers_ != nullptr) {
      controllers_->stop();
    }
    if (operations_ != nullptr) {
      operations_->stop();
    }
    if (pool_ != nullptr) {
      pool_->stop();
    }
    // Ending these ends the steps under way, whose callbacks still need the controllers.
    http_.reset();
    outbound_.reset();
    traffic_.reset();
    provider_.reset();
    serverOperator_.reset();
    runner_.reset();
    log_->info("stopped");
  }

  std::string url() const {
    const bool ipv6 = options_.address.find(':') != std::string::npos;
    return cat("https://", ipv6 ? cat("[", options_.address, "]") : options_.address, ":", listener_->port());
  }
  const std::string& kubeconfig() const { return kubeconfig_; }

 private:
  Status openStore() {
    store::SqliteStoreOptions options;
    options.directory = options_.dataDir;
    options.onFailure = [log = log_.get()](const Status& status) {
      // What is on disk is unknown: going on would acknowledge writes that may be lost.
      log->error("the store failed, ending", {{"error", status.message()}});
      std::_Exit(70);
    };
    Result<std::unique_ptr<Store>> store = store::openSqliteStore(options, *log_, metrics_, *clock_);
    SLIPWAY_RETURN_IF_ERROR(store.status());
    store_ = std::move(*store);
    runLog_ = std::make_unique<store::FileRunLog>(store::FileRunLogOptions{cat(options_.dataDir, "/logs")}, *log_);
    return Status::ok();
  }

  Status openApi() {
    Result<std::unique_ptr<apiserver::Registry>> registry =
        apiserver::Registry::open({*store_, *clock_, *random_, metrics_, *log_, nullptr, rules_.get()});
    SLIPWAY_RETURN_IF_ERROR(registry.status());
    registry_ = std::move(*registry);
    writer_ = std::make_unique<apiserver::ObjectWriter>(*registry_);
    Result<std::vector<Json>> definitions = ownDefinitions();
    SLIPWAY_RETURN_IF_ERROR(definitions.status());
    SLIPWAY_RETURN_IF_ERROR(apiserver::install(*registry_, *writer_, *definitions));
    api_ = std::make_unique<apiserver::InProcessApi>(*registry_, *writer_);
    collector_ = std::make_unique<apiserver::DeleteCollector>(*registry_, *writer_);
    collector_->start();
    pump_ = std::make_unique<apiserver::StreamPump>(*clock_);
    pump_->start();
    apiServer_ = std::make_unique<apiserver::ApiServer>(apiserver::ApiServerParts{
        *registry_, *writer_, *pump_, authorizer_, runLog_.get(), [this] { return ready_.load(); }});
    return Status::ok();
  }

  Status openServers() {
    Result<SshTransport> ssh = openSsh(options_, *clock_, metrics_, *log_);
    SLIPWAY_RETURN_IF_ERROR(ssh.status());
    runner_ = std::move(ssh->runner);
    provider_ = vm::newSshVmProvider(*runner_, *clock_, metrics_, *log_, ssh->parallel);
    serverOperator_ = vm::newSshServerOperator(*runner_, *clock_);
    traffic_ = traffic::newTrafficManager(*runner_, *clock_, *log_);
    return Status::ok();
  }

  void startControllers() {
    http_ = transport::newHttpClient(*clock_, metrics_);
    // A fixed port is known before anything can ask; a free one is taken in listen().
    outboundRules_->protectPort(options_.port);
    outbound_ = transport::newGuardedHttpClient(*clock_, metrics_, outboundRules_);
    source_ = source::newArtifactSource({.cacheDir = cat(options_.dataDir, "/sources"),
                                         .clock = *clock_,
                                         .logger = *log_,
                                         .limits = {},
                                         .directoryRoots = options_.sourceRoots});
    pool_ = std::make_unique<runtime::ThreadPool>(kFetchThreads, *log_);
    ControllerPorts ports{*api_,    *api_,    *api_,    *api_,   *provider_, *runner_, *http_,
                          *source_, *runLog_, metrics_, *clock_, *random_,   *log_,    *pool_};
    for (const ProxyType type : {ProxyType::Nginx, ProxyType::HaProxy, ProxyType::Caddy, ProxyType::Traefik}) {
      ports.traffic[type] = traffic_.get();
    }
    ports.outbound = outbound_.get();
    analyst_ = analysis::newAnalyst({*outbound_, *provider_, *clock_});
    ports.analyst = analyst_.get();
    controllers_ = std::make_unique<Controllers>(ports, options_.workers);
    controllers_->start();
    operations_ = std::make_unique<Operations>(ports, *serverOperator_);
    operations_->start();
    metrics_.set("slipway_build_info", {{"version", kVersionText}, {"commit", ""}}, 1);
  }

  Status listen() {
    std::vector<std::string> names = options_.names;
    names.push_back(options_.address);
    Result<apiserver::Pki> pki = apiserver::ensurePki(options_.dataDir, names, *clock_);
    SLIPWAY_RETURN_IF_ERROR(pki.status());
    Result<std::shared_ptr<apiserver::TlsContext>> tls =
        apiserver::TlsContext::create({pki->serverCertificate, pki->serverKey, pki->caCertificate});
    SLIPWAY_RETURN_IF_ERROR(tls.status());
    authenticator_ = std::make_unique<apiserver::Authenticator>(cat(options_.dataDir, "/tokens"));
    root_ = std::make_unique<MetricsHandler>(metrics_, *apiServer_);
    apiserver::HttpListenerOptions listen;
    listen.address = options_.address;
    listen.port = options_.port;
    Result<std::unique_ptr<HttpListener>> listener =
        HttpListener::start(listen, {*root_, *log_, *tls, authenticator_.get()});
    SLIPWAY_RETURN_IF_ERROR(listener.status());
    listener_ = std::move(*listener);
    outboundRules_->protectPort(listener_->port());
    SLIPWAY_RETURN_IF_ERROR(listenForMetrics());
    kubeconfig_ = options_.kubeconfigOut.empty() ? cat(options_.dataDir, "/admin.kubeconfig") : options_.kubeconfigOut;
    SLIPWAY_RETURN_IF_ERROR(apiserver::writePrivateFile(kubeconfig_, apiserver::adminKubeconfig(*pki, url())));
    ready_ = true;
    return Status::ok();
  }

  Status listenForMetrics() {
    if (options_.metricsAddress.empty()) {
      return Status::ok();
    }
    healthOnly_ = std::make_unique<HealthOnly>(*apiServer_);
    metricsRoot_ = std::make_unique<MetricsHandler>(metrics_, *healthOnly_);
    apiserver::HttpListenerOptions listen;
    listen.address = options_.metricsAddress;
    listen.port = options_.metricsPort;
    listen.ioThreads = 1;
    listen.handlerThreads = 1;
    listen.requireCredentials = false;
    Result<std::unique_ptr<HttpListener>> listener =
        HttpListener::start(listen, {*metricsRoot_, *log_, nullptr, nullptr});
    SLIPWAY_RETURN_IF_ERROR(listener.status());
    metricsListener_ = std::move(*listener);
    outboundRules_->protectPort(metricsListener_->port());
    log_->info("metrics are served",
               {{"url", cat("http://", listen.address, ":", metricsListener_->port(), "/metrics")}});
    return Status::ok();
  }

  ServeOptions options_;
  std::atomic<bool> ready_ = false;
  std::string kubeconfig_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<Logger> log_;
  metrics::PrometheusMetrics metrics_;
  std::unique_ptr<RunLog> runLog_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AdmissionRules> rules_ = analysis::newAdmissionRules();
  std::unique_ptr<apiserver::Registry> registry_;
  std::unique_ptr<apiserver::ObjectWriter> writer_;
  std::unique_ptr<apiserver::InProcessApi> api_;
  std::unique_ptr<apiserver::DeleteCollector> collector_;
  std::unique_ptr<apiserver::StreamPump> pump_;
  apiserver::MastersAuthorizer authorizer_;
  std::unique_ptr<apiserver::ApiServer> apiServer_;
  std::unique_ptr<CommandRunner> runner_;
  std::unique_ptr<Provider> provider_;
  std::unique_ptr<ServerOperator> serverOperator_;
  std::unique_ptr<TrafficManager> traffic_;
  std::unique_ptr<HttpClient> http_;
  std::shared_ptr<transport::OutboundRules> outboundRules_;
  std::unique_ptr<HttpClient> outbound_;
  std::unique_ptr<Analyst> analyst_;
  std::unique_ptr<ArtifactSource> source_;
  std::unique_ptr<Controllers> controllers_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<runtime::ThreadPool> pool_;  // its work uses the controllers
  std::unique_ptr<apiserver::Authenticator> authenticator_;
  std::unique_ptr<MetricsHandler> root_;
  std::unique_ptr<HealthOnly> healthOnly_;
  std::unique_ptr<MetricsHandler> metricsRoot_;
  std::unique_ptr<HttpListener> listener_;
  std::unique_ptr<HttpListener> metricsListener_;
};

}  // namespace

Status serve(const ServeOptions& options, const std::function<void()>& wait) {
  Server server(options);
  if (Status started = server.start(); !started) {
    server.stop();
    return started;
  }
  std::printf("slipwayd ready %s kubeconfig %s\n", server.url().c_str(), server.kubeconfig().c_str());
  std::fflush(stdout);
  wait();
  server.stop();
  return Status::ok();
}

}  // namespace slipway::daemon
