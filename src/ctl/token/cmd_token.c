#include "ctl/token/cmd_token.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "ctl/token/token_claims.h"
#include "ctl/token/token_source.h"

extern char **environ;

#define DEFAULT_TTL "1h"
#define TTL_MAX_MS  (10 * YEAR_MS)

struct values {
    const char *sub, *jti, *audience, *issuer, *kid, *key_file, *config_file;
    struct option_list read, write, presence, admin, limits;
    uint64_t ttl_ms;
    uint64_t algorithm; /* 0: the one that fits; otherwise enum key_algorithm + 1 */
};

#define RANDOM_JTI 33 /* 128 bits, and the NUL */

/* Returns the wanted jti; "auto" is a random one, which is written into `random`. */
static const char *jti_of(const struct values *v, char random[RANDOM_JTI])
{
    if (!v->jti || strcmp(v->jti, "auto") != 0)
        return v->jti;
    (void)snprintf(random, RANDOM_JTI, "%016" PRIx64 "%016" PRIx64, random_u64(), random_u64());
    return random;
}

static int build_payload(const struct values *v, const struct token_source *source,
                         struct buf *payload, struct buf *why)
{
    char random[RANDOM_JTI];
    const struct token_wish wish = {
        .sub = v->sub,
        .jti = jti_of(v, random),
        .audience = v->audience ? v->audience : token_source_audience(source),
        .issuer = v->issuer ? v->issuer : token_source_issuer(source),
        .read = &v->read,
        .write = &v->write,
        .presence = &v->presence,
        .admin = &v->admin,
        .limits = &v->limits,
        .ttl_ms = v->ttl_ms,
    };

    return token_claims_build(&wish, clock_wall_ms(), payload, why);
}

static void print_json(struct term *t, const struct token_key *key, struct str token,
                       struct str payload)
{
    json_t *claims = json_loadb(payload.p, payload.n, 0, NULL);
    json_auto_t *o = json_pack("{s:s%,s:s,s:o}", "token", token.p, token.n, "alg",
                               key_algorithm_name(key->algorithm), "claims", claims);

    term_result_json(t, o);
}

/* Prints the token alone on stdout, so that a script can take it, and the rest on stderr. */
static void print(const struct invocation *in, const struct token_key *key, struct str token,
                  struct str payload)
{
    const struct values *v = in->values;
    struct buf ttl = { 0 };

    duration_add(&ttl, v->ttl_ms);
    term_note(in->term, "signed with %.*s (%s); expires in %.*s", STR_ARG(buf_str(&key->name)),
              key_algorithm_name(key->algorithm), STR_ARG(buf_str(&ttl)));
    if (in->common->json)
        print_json(in->term, key, token, payload);
    else
        term_printf(in->term, "%.*s\n", STR_ARG(token));
    buf_done(&ttl);
}

/* Signs the claims and prints the token. */
static int sign(const struct invocation *in, const struct token_source *source, struct str payload,
                struct buf *why)
{
    const struct values *v = in->values;
    enum key_algorithm algorithm = (enum key_algorithm)(v->algorithm - 1);
    struct str kid = v->kid ? str_of(v->kid) : STR("");
    struct token_key key;
    struct buf token = { 0 };
    const char *wrong;

    EH_TRY(token_source_signer(source, v->algorithm ? &algorithm : NULL, kid, &key, why));
    wrong = token_sign(key.signer, buf_str(&key.kid), payload, &token);
    if (wrong)
        buf_addf(why, "%s", wrong);
    else
        print(in, &key, buf_str(&token), payload);
    buf_done(&token);
    token_key_done(&key);
    return wrong ? EH_EINVAL : EH_OK;
}

static int make_token(const struct invocation *in, struct buf *why)
{
    const struct values *v = in->values;
    const struct token_place place = { v->key_file, v->config_file, environ };
    struct token_source *source = NULL;
    struct buf payload = { 0 };
    int rc = token_source_open(&place, &source, why);

    if (rc == EH_OK)
        rc = build_payload(v, source, &payload, why);
    if (rc == EH_OK)
        rc = sign(in, source, buf_str(&payload), why);
    if (rc == EH_OK && token_source_is_default(source))
        term_warn(in->term,
                  "this secret is public: only servers without JWT_SECRET accept the token, and "
                  "anyone can make one; set JWT_SECRET, or name the server's configuration "
                  "(--config FILE)");
    buf_done(&payload);
    token_source_close(source);
    return rc;
}

static int run(const struct invocation *in)
{
    struct buf why = { 0 };
    int rc;

    if (in->n_words) { /* not repeated: it may be a secret */
        term_error(in->term,
                   "unexpected argument: token takes only options, and no secret from the "
                   "command line, where others could see it: set JWT_SECRET in the "
                   "environment, or name a file (--key FILE)");
        return CTL_USAGE;
    }
    rc = make_token(in, &why);
    if (rc < 0)
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
    buf_done(&why);
    return rc < 0 ? CTL_USAGE : CTL_OK;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    { "sub", 's', OPTION_TEXT, MEMBER(sub), .value = "NAME",
      .about = "the name of the holder, which others see as the origin of messages" },
    { "jti", 0, OPTION_TEXT, MEMBER(jti), .value = "ID",
      .about = "the name of the token, by which it can be revoked; auto: a random one" },
    { "read", 'r', OPTION_LIST, MEMBER(read), .value = "TOPIC",
      .about = "a topic or pattern that the holder may subscribe to" },
    { "write", 'w', OPTION_LIST, MEMBER(write), .value = "TOPIC",
      .about = "a topic or pattern that the holder may publish to" },
    { "presence", 'p', OPTION_LIST, MEMBER(presence), .value = "TOPIC",
      .about = "a topic or pattern whose subscribers the holder may see by name" },
    { "admin", 0, OPTION_LIST, MEMBER(admin), .value = "RIGHT",
      .about = "a right over the whole server, for its control API: clients, publish, log or "
               "tokens" },
    { "rlimit", 0, OPTION_LIST, MEMBER(limits), .value = "TOPIC=COUNT/TIME",
      .about =
          "how often the holder may publish to a topic or pattern: chat/#=10/1s; needs --sub" },
    { "ttl", 0, OPTION_DURATION, MEMBER(ttl_ms), .value = "TIME", .initial = DEFAULT_TTL,
      .min = 1000, .max = TTL_MAX_MS, .about = "how long the token is valid" },
    { "aud", 0, OPTION_TEXT, MEMBER(audience), .value = "TEXT",
      .about = "the audience; without it, JWT_AUDIENCE if that is set" },
    { "iss", 0, OPTION_TEXT, MEMBER(issuer), .value = "TEXT",
      .about = "the issuer; without it, JWT_ISSUER if that is set" },
    { "alg", 'a', OPTION_CHOICE, MEMBER(algorithm), .value = "NAME", .initial = "auto",
      .choices = "auto HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 "
                 "EdDSA",
      .about = "the algorithm: auto is JWT_ALGORITHM or the one that fits the key" },
    { "kid", 'k', OPTION_TEXT, MEMBER(kid), .value = "NAME",
      .about = "the name of the key, for the token's header; selects a key of JWT_KEYS_FILE" },
    { "key", 0, OPTION_FILE, MEMBER(key_file), .value = "FILE",
      .about = "a file with the secret, or with the private key in PEM (RS, PS, ES, EdDSA)" },
    { "config", 'c', OPTION_FILE, MEMBER(config_file), .value = "FILE",
      .about = "the server's configuration file: its JWT_ options count, unless the environment "
               "has them" },
    { "secret", 0, OPTION_REFUSED, .about = TOKEN_NO_SECRET },
    { "jwt-secret", 0, OPTION_REFUSED, .about = TOKEN_NO_SECRET },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl token --sub alice --read 'news/#' --write chat/7",
      "signs with JWT_SECRET, or with the default secret of a development server" },
    { "eventhubctl token --config /etc/eventhub/eventhub.conf --read '#'",
      "signs with the secret that the server uses" },
    { "eventhubctl token --key private.pem --kid 2026 --write 'sensors/+' --ttl 30d",
      "signs with a private key" },
    { "eventhubctl token --sub bot --write 'chat/#' --rlimit 'chat/#=10/1s'",
      "permits ten publishes in a second" },
    { "eventhubctl token --sub alice --jti auto --read '#' --ttl 7d",
      "makes a token that can be revoked alone, by its jti" },
    { "EVENTHUB_TOKEN=$(eventhubctl token --read '#') eventhubctl sub '#'",
      "makes a token and uses it" },
    { 0 },
};

const struct command cmd_token = {
    .name = "token",
    .summary = "make a token",
    .arguments = "",
    .max_words = SIZE_MAX,
    .about = "Signs a token and prints it. --key names the key. Without it, the command finds\n"
             "the key as the server does: JWT_SECRET, JWT_SECRET_FILE or JWT_KEYS_FILE, in\n"
             "the environment or in the file of --config.",
    .takes = TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
