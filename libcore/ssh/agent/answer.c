/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent as who answers another session's questions for signatures. A question that was taken on is answered in any
 * case: with the signature, or with no. */
#include <string.h>

#include "session/guard.h"
#include "session/memory.h"
#include "ssh/agent/agent.h"

/* What a question asks to have signed. */
struct task {
    struct reader key;
    const struct key_algorithm *algorithm;
    struct reader data;
    int certificate;
};

static int task_item(sessile_question *question, int item, struct reader *r)
{
    const void *data;
    size_t size;
    int result = sessile_question_get(question, item, 0, &data, &size);

    *r = reader_of(data, size);
    return result;
}

static int task_read(sessile_question *question, struct task *task)
{
    struct reader name, blob, type;

    if (sessile_question_kind(question) != SESSILE_QUESTION_SSH_SIGN ||
        task_item(question, SESSILE_ITEM_KEY, &task->key) < 0 ||
        task_item(question, SESSILE_ITEM_ALGORITHM, &name) < 0 ||
        task_item(question, SESSILE_ITEM_DATA, &task->data) < 0 || task->data.left > AGENT_DATA_MAX ||
        !(task->algorithm = key_algorithm_find((const char *)name.data, name.left)))
        return SESSILE_ERR_ARGUMENT;
    blob = task->key;
    type = get_sub32(&blob);
    return key_type_find((const char *)type.data, type.left, &task->certificate) ? SESSILE_OK : SESSILE_ERR_ARGUMENT;
}

/* The question's reference is the request's from now on. Returns the request's number, or an error. */
static int task_ask(struct agent *a, const struct task *task, const void *blob, size_t blob_size, int certificate,
                    sessile_question *question)
{
    struct agent_request *request;
    struct writer w = {0};
    int result;

    agent_put_sign(&w, blob, blob_size, task->algorithm, task->data.data, task->data.left);
    result = agent_ask(a, &w, AGENT_SIGN_REQUEST, &request);
    if (result < 0)
        return result;
    request->algorithm = task->algorithm;
    request->certificate = certificate;
    request->question = question;
    return result;
}

static int agent_take_on(struct agent *a, sessile_question *question)
{
    struct task task;
    int result = task_read(question, &task);

    if (result < 0)
        return result;
    if (!question_is_open(question))
        return SESSILE_ERR_GONE;
    if (!sessile_question_keep(question))
        return SESSILE_ERR_MISUSE;
    result = task_ask(a, &task, task.key.data, task.key.left, task.certificate, question);
    if (result < 0)
        sessile_question_free(question);
    return result < 0 ? result : SESSILE_OK;
}

int sessile_agent_answer(sessile_session *session, sessile_question *question)
{
    struct guard g;
    struct agent *a;
    int result;

    if (!question)
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, session)) < 0)
        return result;
    result = agent_of(session, &a);
    if (result == SESSILE_OK)
        result = agent_take_on(a, question);
    return guard_leave(&g, result);
}

/* ---- when the agent has answered ---- */

/* The agent may have the key, though not by this certificate. 1 where it was asked again. */
static int agent_ask_again(struct agent *a, struct agent_request *request)
{
    sessile_key *key = NULL;
    struct task task;
    int asked = 0;

    if (!request->certificate || session_over(a->session) || !question_is_open(request->question) ||
        task_read(request->question, &task) < 0 ||
        sessile_key_from_blob(task.key.data, task.key.left, &key, NULL, 0) < 0)
        return 0;
    asked = task_ask(a, &task, key->blob, key->blob_size, 0, request->question) > 0;
    if (asked)
        request->question = NULL; /* now the new request's */
    sessile_key_free(key);
    return asked;
}

static void question_settle(sessile_question *question, struct reader signature)
{
    if (signature.left &&
        sessile_question_put(question, SESSILE_ITEM_SIGNATURE, signature.data, signature.left) == SESSILE_OK)
        sessile_question_accept(question);
    else
        sessile_question_refuse(question, 0);
}

void agent_answered(struct agent *a, struct agent_request *request, struct reader signature)
{
    if (signature.left || !agent_ask_again(a, request))
        question_settle(request->question, signature);
    agent_request_free(request);
}

/* Whoever is told may call in here again: each request is taken off the list first. */
void agent_give_up(struct agent *a)
{
    struct agent_request *request;

    while ((request = a->first)) {
        a->first = request->next;
        if (!a->first)
            a->last = &a->first;
        a->count--;
        if (request->question)
            question_settle(request->question, reader_of(NULL, 0));
        agent_request_free(request);
    }
}
