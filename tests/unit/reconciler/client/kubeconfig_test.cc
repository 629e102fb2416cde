#include "reconciler/client/kubeconfig.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/support/temp_dir.h"

namespace slipway::client {
namespace {

constexpr std::string_view kWhole = R"(apiVersion: v1
kind: Config
current-context: a
clusters:
- name: c
  cluster: {server: "https://[::1]:6443/base/", certificate-authority-data: Y2E=, tls-server-name: api.test}
- name: open
  cluster: {server: "http://127.0.0.1:8080"}
- name: insecure
  cluster: {server: "https://h", insecure-skip-tls-verify: true}
users:
- name: u
  user: {client-certificate-data: Y2VydA==, client-key: key.pem}
- name: t
  user: {token: secret}
- name: e
  user: {exec: {command: aws}}
- name: half
  user: {client-certificate-data: Y2VydA==}
contexts:
- {name: a, context: {cluster: c, user: u, namespace: shop}}
- {name: e, context: {cluster: c, user: e}}
- {name: half, context: {cluster: c, user: half}}
- {name: insecure, context: {cluster: insecure, user: t}}
- {name: open, context: {cluster: open}}
- {name: leak, context: {cluster: open, user: t}}
- {name: lost, context: {cluster: nowhere, user: t}}
)";

class KubeconfigTest : public ::testing::Test {
 protected:
  KubeconfigTest() {
    writeFile(file, std::string(kWhole));
    writeFile(directory / "key.pem", "key");
    options.path = file;
  }
  Result<ClientConfig> load(const std::string& context = "") {
    options.context = context;
    return loadKubeconfig(options);
  }
  std::string refusal(const std::string& context) { return load(context).status().message(); }

  TempDir directory;
  std::string file = directory / "config";
  KubeconfigOptions options;
};

TEST_F(KubeconfigTest, ReadsServerCredentialsAndNamespace) {
  const auto config = load();
  ASSERT_TRUE(config) << config.status().toString();
  EXPECT_TRUE(config->tls);
  EXPECT_EQ(config->host, "::1");
  EXPECT_EQ(config->port, 6443);
  EXPECT_EQ(config->basePath, "/base");
  EXPECT_EQ(config->serverName, "api.test");
  EXPECT_EQ(config->caCertificate, "ca");
  EXPECT_EQ(config->certificate, "cert");
  EXPECT_EQ(config->key, "key");
  EXPECT_EQ(config->ns, "shop");
}

TEST_F(KubeconfigTest, LetsTheCommandLineChooseTheNamespace) {
  options.ns = "other";
  EXPECT_EQ(load()->ns, "other");
}

TEST_F(KubeconfigTest, RefusesToRunAProgram) { EXPECT_NE(refusal("e").find("exec is refused"), std::string::npos); }

TEST_F(KubeconfigTest, RefusesAnUnverifiedServerUnlessAllowed) {
  EXPECT_NE(refusal("insecure").find("insecure-skip-tls-verify is refused"), std::string::npos);
  options.allowInsecure = true;
  EXPECT_TRUE(load("insecure"));
}

TEST_F(KubeconfigTest, SendsNoCredentialsOverAnOpenLine) {
  EXPECT_FALSE(load("open")->tls);
  EXPECT_NE(refusal("leak").find("not sent over an open line"), std::string::npos);
}

TEST_F(KubeconfigTest, NamesWhatIsMissing) {
  EXPECT_NE(refusal("half").find("must be given together"), std::string::npos);
  EXPECT_NE(refusal("lost").find("cluster \"nowhere\""), std::string::npos);
  EXPECT_NE(refusal("none").find("no context \"none\""), std::string::npos);
  options.path = directory / "absent";
  EXPECT_EQ(load().code(), Code::NotFound);
  EXPECT_NE(load().status().message().find("absent"), std::string::npos);
}

TEST_F(KubeconfigTest, MergesTheFilesOfTheEnvironment) {
  options.path.clear();
  const std::string first = directory / "first";
  writeFile(first, "current-context: mine\ncontexts:\n- {name: mine, context: {cluster: c, user: u}}\n");
  options.environment = cat(first, ":", directory / "absent", ":", file);
  const auto config = load();
  ASSERT_TRUE(config) << config.status().toString();
  EXPECT_EQ(config->host, "::1");
  EXPECT_EQ(config->ns, "default");
}

TEST_F(KubeconfigTest, FindsTheHomeDirectorysFile) {
  std::filesystem::create_directory(directory / ".kube");
  writeFile(directory / ".kube/config",
            "current-context: open\ncontexts:\n- {name: open, context: {cluster: x}}\n"
            "clusters:\n- {name: x, cluster: {server: 'http://h:1'}}\n");
  options.path.clear();
  options.home = directory.path();
  EXPECT_EQ(load()->host, "h");
}

TEST(ServerUrl, MustBeWhole) {
  ClientConfig config;
  EXPECT_TRUE(parseServerUrl("https://h", config));
  EXPECT_EQ(config.port, 443);
  for (const char* bad : {"", "h:1", "ftp://h", "https://", "https://h:0", "https://h:99999", "https://h:x",
                          "https://[::1", "https://u@h", "https://[::1]x"}) {
    EXPECT_FALSE(parseServerUrl(bad, config)) << bad;
  }
}

}  // namespace
}  // namespace slipway::client
