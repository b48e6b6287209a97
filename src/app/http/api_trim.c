#include "app/http/api_trim.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/http/api_worker.h"
#include "base/mem.h"
#include "proto/json.h"

static const char *first_id(const json_t *answer)
{
    const json_t *clients = json_object_get(answer, "clients");
    const char *id = json_string_value(json_object_get(json_array_get(clients, 0), "id"));

    return id ? id : ""; /* it has no clients */
}

static int compare_first_ids(const void *a, const void *b)
{
    return strcmp(first_id(*(const json_t *const *)a), first_id(*(const json_t *const *)b));
}

/* Leaves the first `most` clients. Returns how many there are. */
static size_t cut(json_t *answer, size_t most)
{
    json_t *clients = json_object_get(answer, "clients");

    if (json_array_size(clients) > most)
        (void)json_object_set_new(answer, "more", json_true());
    while (json_array_size(clients) > most)
        (void)json_array_remove(clients, json_array_size(clients) - 1);
    return json_array_size(clients);
}

/* The ids of a worker's clients are all before, or all behind, those of another worker. */
static void trim_clients(size_t limit, const json_t *answers)
{
    size_t n = json_array_size(answers);
    json_t **in_order = mem_array(NULL, n, sizeof(json_t *));

    for (size_t i = 0; i < n; i++)
        in_order[i] = json_array_get(answers, i);
    qsort(in_order, n, sizeof(json_t *), compare_first_ids);
    for (size_t i = 0; i < n; i++)
        limit -= cut(in_order[i], limit);
    free(in_order);
}

void api_trim(const json_t *question, const json_t *answers)
{
    int64_t limit = json_integer_value(json_object_get(question, "limit"));

    if (json_array_size(answers) &&
        str_eq(json_text(json_object_get(question, "op")), STR("clients")))
        trim_clients(api_clients_limit(limit), answers);
}
