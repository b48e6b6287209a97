#include "broker/redis/redis_changes.h"

#include <assert.h>

#include "broker/redis/redis_keys.h"

#define COMMAND_CHANNELS 64 /* of one command */

static struct redis_channel *channel_of(struct redis_change *change)
{
    return change->opens ? container_of(change, struct redis_channel, open)
                         : container_of(change, struct redis_channel, close);
}

static struct redis_change *change_of(struct list *link)
{
    return container_of(link, struct redis_change, link);
}

static void add_text(struct redis_changes *c, const struct redis_channel *ch)
{
    if (ch->is_glob)
        keys_add_glob(&c->text, c->names->channels, ch->text);
    else
        keys_add_channel(&c->text, c->names->channels, ch->text);
}

bool redis_channel_is_confirmed(const struct redis_channel *ch)
{
    return ch->state == CHANNEL_LIVE || ch->state == CHANNEL_LINGERING ||
           list_linked(&ch->close.link);
}

bool redis_channel_is_held(const struct redis_channel *ch)
{
    return ch->state != CHANNEL_ABSENT || list_linked(&ch->close.link);
}

bool redis_changes_is_channel(struct redis_changes *c, const struct redis_channel *ch,
                              struct str text)
{
    buf_clear(&c->text);
    add_text(c, ch);
    return str_eq(buf_str(&c->text), text);
}

/* ---- making changes ---- */

static void make(struct redis_changes *c, struct redis_change *change, bool opens)
{
    assert(!list_linked(&change->link));
    change->opens = opens;
    list_push(&c->waiting, &change->link);
    c->n_made++;
    *(opens ? &c->n_opened : &c->n_closed) += 1;
}

void redis_changes_open(struct redis_changes *c, struct redis_channel *ch)
{
    assert(ch->state == CHANNEL_ABSENT);
    ch->state = CHANNEL_OPENING;
    make(c, &ch->open, true);
}

static void unplace(struct redis_channel *ch)
{
    if (list_linked(&ch->unplaced))
        list_remove(&ch->unplaced);
    ch->from = (struct msgid){ 0 };
}

void redis_changes_close(struct redis_changes *c, struct redis_channel *ch)
{
    assert(ch->state == CHANNEL_LIVE || ch->state == CHANNEL_LINGERING);
    ch->state = CHANNEL_ABSENT;
    unplace(ch);
    make(c, &ch->close, false);
}

void redis_changes_reset(struct redis_changes *c)
{
    list_init(&c->waiting);
    list_init(&c->sent);
    c->n_sent = 0;
    c->n_made = 0;
    c->n_confirmed = 0;
}

void redis_changes_forget(struct redis_channel *ch)
{
    ch->open.link = ch->close.link = (struct list){ NULL, NULL };
    ch->state = CHANNEL_ABSENT;
    unplace(ch);
}

/* ---- commands and confirmations ---- */

static enum redis_confirmation kind_of(struct redis_change *change)
{
    bool is_glob = channel_of(change)->is_glob;

    if (change->opens)
        return is_glob ? CONFIRMED_PSUBSCRIBE : CONFIRMED_SUBSCRIBE;
    return is_glob ? CONFIRMED_PUNSUBSCRIBE : CONFIRMED_UNSUBSCRIBE;
}

bool redis_changes_next(struct redis_changes *c, struct redis_command *ret)
{
    static const struct str verbs[] = {
        [CONFIRMED_SUBSCRIBE] = { "SUBSCRIBE", 9 },
        [CONFIRMED_PSUBSCRIBE] = { "PSUBSCRIBE", 10 },
        [CONFIRMED_UNSUBSCRIBE] = { "UNSUBSCRIBE", 11 },
        [CONFIRMED_PUNSUBSCRIBE] = { "PUNSUBSCRIBE", 12 },
    };
    size_t ends[COMMAND_CHANNELS], n = 0, at = 0;
    struct list *link = list_first(&c->waiting);
    enum redis_confirmation kind;

    if (!link || c->n_sent >= CHANNELS_UNDER_WAY)
        return false;
    kind = kind_of(change_of(link));
    buf_clear(&c->text);
    while (link && n < COMMAND_CHANNELS && kind_of(change_of(link)) == kind) {
        list_remove(link);
        list_push(&c->sent, link);
        add_text(c, channel_of(change_of(link)));
        ends[n++] = buf_used(&c->text);
        link = list_first(&c->waiting);
    }
    c->n_sent += n;
    redis_command_init(ret);
    redis_command_add(ret, verbs[kind]);
    ret->n_answers = n;
    for (size_t i = 0; i < n; i++) {
        redis_command_add(ret, str_make(buf_head(&c->text) + at, ends[i] - at));
        at = ends[i];
    }
    return true;
}

struct redis_channel *redis_changes_confirm(struct redis_changes *c, enum redis_confirmation what,
                                            struct str channel)
{
    struct list *link = list_first(&c->sent);
    struct redis_channel *ch;

    if (!link || kind_of(change_of(link)) != what)
        return NULL;
    ch = channel_of(change_of(link));
    if (!redis_changes_is_channel(c, ch, channel))
        return NULL;
    list_remove(link);
    c->n_sent--;
    c->n_confirmed++;
    if (change_of(link)->opens) {
        ch->state = CHANNEL_LIVE;
        ch->number = ++c->n_live;
        list_push(&c->unplaced, &ch->unplaced);
    }
    return ch;
}

void redis_channel_place(struct redis_channel *ch, uint64_t n, struct msgid last)
{
    if (!list_linked(&ch->unplaced) || ch->number > n)
        return;
    list_remove(&ch->unplaced);
    ch->from = last;
}

void redis_changes_place(struct redis_changes *c, uint64_t n, struct msgid last)
{
    list_for_each_safe(link, &c->unplaced)
    {
        struct redis_channel *ch = container_of(link, struct redis_channel, unplaced);

        if (ch->number > n)
            return;
        redis_channel_place(ch, n, last);
    }
}

void redis_changes_init(struct redis_changes *c, const struct redis_names *names)
{
    *c = (struct redis_changes){ .names = names };
    list_init(&c->unplaced);
    redis_changes_reset(c);
}

void redis_changes_done(struct redis_changes *c)
{
    buf_done(&c->text);
}
