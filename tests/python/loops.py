# SPDX-License-Identifier: Apache-2.0
"""Coroutines as tests: each runs on a loop of its own in debug mode, within a time, and leaves nothing behind."""

import asyncio
import gc
import inspect

import pytest

LIMIT = 30


def leftovers(loop):
    """Transports that the loop still reads or writes, but for its own pipe to itself."""
    selector = getattr(loop, "_selector", None)
    keys = [key for key in selector.get_map().values() if key.fileobj != loop._ssock.fileno()]
    return [key for key in keys if key.data and "_read_from_self" not in repr(key.data)]


async def run_whole(test):
    loop = asyncio.get_running_loop()
    trouble = []
    loop.set_exception_handler(lambda _, context: trouble.append(context))
    await asyncio.wait_for(test(trouble), LIMIT)
    for _ in range(5):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others, f"tasks are left: {others}"
    assert not (left := leftovers(loop)), f"the loop still watches: {left}"
    gc.collect()
    await asyncio.sleep(0)
    assert not trouble, trouble


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

    asyncio.run(run_whole(test), debug=True)
    return True


@pytest.fixture
def trouble():
    """What the loop's exception handler was given: a test that expects some empties it."""
