#pragma once

#include <string>

#include "reconciler/base/strings.h"
#include "tests/support/fake_objects.h"

namespace slipway {

// Server `name` in namespace default with a host key, and the Secret `login` it logs in with.
inline void addServer(FakeObjects& objects, const std::string& name) {
  Json secret = Json::object({{"apiVersion", "v1"}, {"kind", "Secret"}});
  secret["metadata"] = Json::object({{"name", "login"}, {"namespace", "default"}});
  secret["data"]["ssh-privatekey"] = "a2V5";
  (void)objects.create(kSecret, secret);
  Json server = Json::object({{"apiVersion", kServer.apiVersion()}, {"kind", "Server"}});
  server["metadata"] = Json::object({{"name", name}, {"namespace", "default"}});
  server["spec"] = Json::object({{"address", "192.0.2.1"}, {"user", "deploy"}});
  server["spec"]["keySecretRef"]["name"] = "login";
  server["spec"]["hostKeys"] = Json::Array{Json("ssh-ed25519 AAAA")};
  (void)objects.create(kServer, server);
}

}  // namespace slipway
