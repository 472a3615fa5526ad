# SPDX-License-Identifier: Apache-2.0
"""Coroutines as tests: each runs on asyncio's own loop and on uvloop's, in debug mode and within a time, and leaves
nothing behind: no task, no socket, nothing that was raised and told to nobody."""

import asyncio
import gc
import inspect
import os
import warnings

import pytest
import uvloop

LIMIT = 30
KINDS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def sockets():
    """This process's sockets, by their inodes, each with its descriptor."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found[target] = int(name)
    return found


async def settle(condition, turns=200):
    """Let the loop turn until something holds; whether it does."""
    for _ in range(turns):
        if condition():
            return True
        await asyncio.sleep(0)
    return condition()


async def quiet(measure, turns=300):
    """Let the loop turn until a measure has not changed for so many turns in a row; what it is then. Where both ends
    are in this process, nothing more is to come by itself."""
    value, still = measure(), 0
    while still < turns:
        await asyncio.sleep(0)
        now = measure()
        value, still = now, still + 1 if now == value else 0
    return value


def other_tasks():
    return asyncio.all_tasks() - {asyncio.current_task()}


async def within(seconds, work):
    """Await a coroutine. When it takes too long, it is cancelled with all that it may be waiting for."""
    task = asyncio.ensure_future(work)
    if not (await asyncio.wait([task], timeout=seconds))[0]:
        for each in other_tasks():
            each.cancel()
        await asyncio.wait([task], timeout=1)
        raise TimeoutError(f"the test has not ended within {seconds} seconds")
    await task


async def run_whole(test):
    loop = asyncio.get_running_loop()
    trouble = []
    loop.set_exception_handler(lambda _, context: trouble.append(context))
    before = sockets()
    await within(LIMIT, test(trouble))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not (others := other_tasks()), f"tasks are left: {others}"
    assert not (left := {name: fd for name, fd in sockets().items() if name not in before}), f"sockets are left: {left}"
    gc.collect()
    await asyncio.sleep(0)
    assert not trouble, trouble


def run(kind, main):
    """Run a coroutine on a loop of its own, of that kind, which is closed again with all that it has."""
    loop = KINDS[kind]()
    loop.set_debug(True)
    loop.slow_callback_duration = 10
    try:
        loop.run_until_complete(main)
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True)) if tasks else None
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    call = pyfuncitem.obj
    if not inspect.iscoroutinefunction(call):
        return None
    names = inspect.signature(call).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name != "trouble"}

    async def test(trouble):
        if "trouble" in names:
            await call(trouble=trouble, **arguments)
        else:
            await call(**arguments)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        run(pyfuncitem.callspec.params["loop_kind"], run_whole(test))
        gc.collect()
    return True


def pytest_generate_tests(metafunc):
    if inspect.iscoroutinefunction(metafunc.function):
        only = metafunc.definition.get_closest_marker("loops")
        if "loop_kind" not in metafunc.fixturenames:
            metafunc.fixturenames.append("loop_kind")
        metafunc.parametrize("loop_kind", only.args if only else list(KINDS))


def pytest_configure(config):
    config.addinivalue_line("markers", "loops(*kinds): the event loops that a test is about; else it runs on all")


def pytest_collection_finish(session):
    """What has been imported stays: no collection needs to look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def trouble():
    """What the loop's exception handler was given: a test that expects some empties it."""
