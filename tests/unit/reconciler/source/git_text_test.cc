#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/source/git_http_request.h"
#include "reconciler/source/git_source.h"
#include "reconciler/source/git_url.h"
#include "reconciler/source/known_hosts.h"

namespace slipway::source {
namespace {

TEST(GitUrl, ReadsEachFormAndHasOneSpellingPerRepository) {
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"https://GitHub.com/a/b.git", "https://github.com/a/b.git"},
      {"HTTPS://host:443/a", "https://host/a"},
      {"https://host:8443/a", "https://host:8443/a"},
      {"https://[2001:db8::1]/a", "https://[2001:db8::1]/a"},
      {"ssh://git@host/srv/a.git", "ssh://git@host/srv/a.git"},
      {"ssh://git@host:2222/srv/a.git", "ssh://git@host:2222/srv/a.git"},
      {"git@host:team/a.git", "git@host:team/a.git"},
      {"file:///srv/a.git", "file:///srv/a.git"},
  };
  for (const auto& [text, canonical] : forms) {
    const auto url = parseGitUrl(text);
    ASSERT_TRUE(url) << text << ": " << url.status().message();
    EXPECT_EQ(url->canonical(), canonical);
  }
}

TEST(GitUrl, RefusesWhatAProgramCouldTakeForSomethingElse) {
  for (const std::string text : {"",
                                 "/srv/a",
                                 "ext::sh -c id",
                                 "EXT::x",
                                 "git://host/a",
                                 "ftp://host/a",
                                 "https://",
                                 "https://host",
                                 "https://host/",
                                 "https://u:hunter2@host/a",
                                 "https://u@host/a",
                                 "ssh://-oProxyCommand=x/a",
                                 "ssh://-x@host/a",
                                 "ssh://git@-host/a",
                                 "-u@host:path",
                                 "git@host:-path",
                                 "git@host:",
                                 "git@host:a'b",
                                 "git@host:a b",
                                 "git@host:a;id",
                                 "ssh://git@host/a`id`",
                                 "ssh://git@host/a\nb",
                                 "ssh://git@host:0/a",
                                 "ssh://git@host:70000/a",
                                 "ssh://git@host:22x/a",
                                 "file://host/a",
                                 "file:///a/--upload-pack=x",
                                 "https://ho st/a",
                                 "https://host/a?b",
                                 "https://host/a#b",
                                 "https://[::1/a",
                                 "git@ho$t:a"}) {
    const auto url = parseGitUrl(text);
    EXPECT_EQ(url.code(), Code::Invalid) << text;
    EXPECT_EQ(url.status().message().find("hunter2"), std::string::npos);
  }
}

TEST(GitRef, FollowsGitsRulesForNames) {
  for (const std::string name : {"main", "feature/x-1", "v1.4.2", "a@b"}) {
    EXPECT_TRUE(checkGitRef({name, "", ""})) << name;
    EXPECT_TRUE(checkGitRef({"", name, ""})) << name;
  }
  for (const std::string name : {"-x",     "--upload-pack=id",
                                 "a..b",   "a b",
                                 "a~1",    "a^",
                                 "a:b",    "a?",
                                 "a*",     "a[",
                                 "a\\b",   "/a",
                                 "a/",     "a//b",
                                 ".a",     "a/.b",
                                 "a.lock", "a.",
                                 "@",      "a@{1}",
                                 "a\nb"}) {
    EXPECT_EQ(checkGitRef({name, "", ""}).code(), Code::Invalid) << name;
  }
  EXPECT_EQ(checkGitRef({"a", "b", ""}).code(), Code::Invalid);
  EXPECT_EQ(checkGitRef({"", "", "abc"}).code(), Code::Invalid);
  EXPECT_TRUE(checkGitRef({"", "", std::string(40, 'a')}));
  EXPECT_TRUE(checkSubPath("deploy/site/"));
  EXPECT_EQ(checkSubPath("../x").code(), Code::Invalid);
  EXPECT_EQ(checkSubPath("/x").code(), Code::Invalid);
}

TEST(GitRedirect, KeepsToTheSameServer) {
  EXPECT_TRUE(isSameServer("https://h/a", "https://H/b.git"));
  EXPECT_FALSE(isSameServer("https://h/a", "http://h/a"));
  EXPECT_FALSE(isSameServer("https://h/a", "https://h:8443/a"));
  EXPECT_FALSE(isSameServer("https://h/a", "https://h.evil/a"));
  EXPECT_FALSE(isSameServer("https://h/a", "https://h@evil/a"));
  EXPECT_FALSE(isSameServer("https://h/a", "/relative"));
}

TEST(GitArtifactKey, TellsCredentialsApartWithoutHoldingThem) {
  const auto url = parseGitUrl("https://h/a");
  ASSERT_TRUE(url);
  SourceCredentials one;
  one.password = "planted-token";
  SourceCredentials two;
  two.username = "planted-token";
  EXPECT_NE(gitArtifactKey(*url, "c", "", one), gitArtifactKey(*url, "c", "", two));
  EXPECT_NE(gitArtifactKey(*url, "c", "", one), gitArtifactKey(*url, "c", "", {}));
  EXPECT_EQ(gitArtifactKey(*url, "c", "", one).find("planted-token"), std::string::npos);
}

class KnownHostsTest : public testing::Test {
 protected:
  const std::string key_ = "key one in wire format";
  const std::string other_ = "key two in wire format";
  std::string line(const std::string& names, const std::string& key) const {
    return cat(names, " ssh-ed25519 ", base64Encode(key), " a comment\n");
  }
};

TEST_F(KnownHostsTest, FindsPlainPortedWildcardAndHashedNames) {
  EXPECT_EQ(KnownHosts(line("host,other", key_)).check("host", 22, key_), HostKeyVerdict::Known);
  EXPECT_EQ(KnownHosts(line("[host]:2222", key_)).check("host", 2222, key_), HostKeyVerdict::Known);
  EXPECT_EQ(KnownHosts(line("host", key_)).check("host", 2222, key_), HostKeyVerdict::Unknown);
  EXPECT_EQ(KnownHosts(line("*.example.com", key_)).check("a.example.com", 22, key_), HostKeyVerdict::Known);
  EXPECT_EQ(KnownHosts(line("*.example.com,!a.example.com", key_)).check("a.example.com", 22, key_),
            HostKeyVerdict::Unknown);
  const std::string salt = "twenty bytes of salt";
  const std::string hashed = cat("|1|", base64Encode(salt), "|", base64Encode(hmacSha1(salt, "host")));
  EXPECT_EQ(KnownHosts(line(hashed, key_)).check("host", 22, key_), HostKeyVerdict::Known);
  EXPECT_EQ(KnownHosts(line(hashed, key_)).check("hose", 22, key_), HostKeyVerdict::Unknown);
}

TEST_F(KnownHostsTest, TellsChangedRevokedAndUnknownApart) {
  EXPECT_EQ(KnownHosts(line("host", key_)).check("host", 22, other_), HostKeyVerdict::Changed);
  EXPECT_EQ(KnownHosts(line("host", key_) + line("@revoked *", key_)).check("host", 22, key_), HostKeyVerdict::Revoked);
  EXPECT_EQ(KnownHosts(line("@revoked host", other_)).check("host", 22, key_), HostKeyVerdict::Unknown);
  EXPECT_EQ(KnownHosts("").check("host", 22, key_), HostKeyVerdict::Unknown);
  EXPECT_EQ(KnownHosts(line("@cert-authority host", key_)).check("host", 22, key_), HostKeyVerdict::Unknown);
  EXPECT_EQ(KnownHosts("host ssh-ed25519 %%%\n# x\n\nhost\n").check("host", 22, key_), HostKeyVerdict::Unknown);
  EXPECT_EQ(KnownHosts(line("host", key_)).keyTypes("host", 22), std::vector<std::string>{"ssh-ed25519"});
}

}  // namespace
}  // namespace slipway::source
