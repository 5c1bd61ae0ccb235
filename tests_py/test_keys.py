"""One call has one key, however it is written; no two calls share one."""

import functools
import importlib
import inspect
import subprocess
import sys
import types

import pytest

from mcp_refcache import RefCache
from mcp_refcache._core import fingerprint
from mcp_refcache._keys import Arguments, identify


@pytest.fixture
def cache():
    return RefCache(name="c")


class Recorder:
    """A function that notes how often it ran."""

    def __init__(self):
        self.runs = 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.runs


def part(function):
    return fingerprint(identify(function)())[0]


class TestArguments:
    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [((1,), {}), ((), {"x": 1}), ((1, 2), {}), ((), {"y": 2, "x": 1}), ((1,), {"y": 2})],
    )
    def test_all_ways_to_write_a_call_are_one(self, args, kwargs):
        def f(x, y=2, *, z=3): ...

        assert Arguments(inspect.signature(f)).bind(args, kwargs) == [1, 2, 3]

    @pytest.mark.parametrize(
        ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"q": 1}), ((), {"y": 1})]
    )
    def test_what_does_not_fit_is_a_type_error(self, args, kwargs):
        def f(x, y=2): ...

        with pytest.raises(TypeError):
            Arguments(inspect.signature(f)).bind(args, kwargs)

    def test_variable_arguments(self):
        def f(a, /, *rest, k=1, **named): ...

        arguments = Arguments(inspect.signature(f))
        assert arguments.bind((1, 2, 3), {"z": 4}) == [1, (2, 3), 1, {"z": 4}]
        assert arguments.bind((1,), {"k": 1}) == [1, (), 1, {}]

    def test_left_out_parameters(self):
        def f(ctx, x, y=2): ...

        arguments = Arguments(inspect.signature(f), without=frozenset({"ctx"}))
        assert arguments.bind((object(), 1), {}) == [1, 2]
        assert arguments.bind((), {"ctx": None, "x": 1}) == [1, 2]
        assert arguments.complete((), {"ctx": None, "x": 1}) == ([1, 2], {})


class TestFunctions:
    def test_closures_over_different_values_differ(self):
        def make(k):
            return lambda x: x * k

        assert part(make(2)) == part(make(2)) != part(make(3))

    def test_closures_over_things_that_change_are_themselves(self):
        def make(items):
            return lambda: items

        one, other = make([1]), make([1])
        assert part(one) == part(one) != part(other)

    def test_closures_that_rebind_are_themselves(self):
        def make():
            calls = 0

            def f():
                nonlocal calls
                calls += 1

            return f

        one, other = make(), make()
        before = part(one)
        one()
        assert part(one) == before != part(other)

    def test_redefinitions_with_another_body_differ(self):
        def define(source):
            scope = {"__name__": "module"}
            exec(source, scope)
            return scope["f"]

        first = define("def f(x): return x + 1")
        assert part(first) == part(define("def f(x):\n    return x + 1"))
        assert part(first) != part(define("def f(x): return x + 2"))
        assert part(first) != part(define("def f(x): return x - 1"))

    def test_recursion_through_an_empty_cell(self):
        def outer():
            def f(n):
                return f(n - 1)

            before = part(f)
            return f, before

        function, _ = outer()
        assert part(function) == part(function)

    def test_partials_and_methods_count_what_they_hold(self):
        def f(x, y=0):
            return x

        assert part(functools.partial(f, 1)) == part(functools.partial(f, 1))
        assert part(functools.partial(f, 1)) != part(functools.partial(f, 2))
        assert part(functools.partial(f, y=1)) != part(functools.partial(f, y=2))

        class Service:
            def f(self): ...

        one, other = Service(), Service()
        assert part(one.f) == part(one.f) != part(other.f)

    def test_a_key_is_the_same_after_a_restart(self, tmp_path):
        (tmp_path / "tool.py").write_text(
            "from mcp_refcache._keys import identify\n"
            "from mcp_refcache._core import fingerprint\n"
            "def f(x): return {'a', 'b'}\n"
            "def make(k): return lambda x: x * k\n"
            "print(fingerprint((identify(f)(), identify(make(2))(), [1, {'q': 2.5}])))\n"
        )
        lines = {
            subprocess.run(
                [sys.executable, tmp_path / "tool.py"],
                capture_output=True,
                text=True,
                check=True,
                env={"PYTHONHASHSEED": s},
            ).stdout
            for s in "12"
        }
        assert len(lines) == 1
        assert "False" in lines.pop()


class TestCalls:
    def test_positional_keyword_and_default_are_one_call(self, cache):
        runs = []

        @cache.cached()
        def f(x, y=2):
            runs.append(1)

        answers = [f(1), f(x=1), f(1, 2), f(x=1, y=2), f(y=2, x=1)]
        assert len(runs) == 1
        assert len({answer["ref_id"] for answer in answers}) == 1

    @pytest.mark.parametrize(
        ("one", "other"), [(1, True), (1, 1.0), (1, "1"), ([1], (1,)), (0.0, -0.0), ({}, set())]
    )
    def test_arguments_of_other_types_are_other_calls(self, cache, one, other):
        echo = cache.cached()(lambda x: repr(x))
        assert echo(one)["value"] != echo(other)["value"]

    def test_the_order_of_a_dict_is_no_difference(self, cache):
        f = cache.cached()(Recorder())
        assert f({"a": 1, "b": 2})["value"] == f({"b": 2, "a": 1})["value"]

    def test_nan_equals_itself(self, cache):
        f = cache.cached()(Recorder())
        assert f(float("nan"))["value"] == f(float("nan"))["value"]

    def test_large_arrays_are_told_apart(self, cache):
        np = importlib.import_module("numpy")

        @cache.cached()
        def total(a):
            return int(a.sum())

        zeros = np.zeros(5000)
        other = zeros.copy()
        other[2500] = 7
        assert (total(zeros)["value"], total(other)["value"], total(zeros)["value"]) == (0, 7, 0)

    def test_frames_are_told_apart(self, cache):
        pd = importlib.import_module("pandas")

        @cache.cached()
        def total(frame):
            return int(frame["a"].sum())

        frame = pd.DataFrame({"a": range(5000)})
        other = frame.copy()
        other.loc[2500, "a"] = 0
        assert total(frame)["value"] != total(other)["value"]
        assert total(frame)["ref_id"] == total(frame.copy())["ref_id"]

    def test_objects_without_content_are_told_apart(self, cache):
        class Q:
            def __init__(self, v):
                self.v = v

        @cache.cached()
        def f(q):
            return q.v

        assert [f(Q(i))["value"] for i in range(3)] == [0, 1, 2]

    def test_methods_of_two_objects_are_told_apart(self, cache):
        class Shop:
            def __init__(self, factor):
                self.factor = factor
                self.runs = 0

            @cache.cached()
            def price(self, n):
                self.runs += 1
                return n * self.factor

        one, other = Shop(2), Shop(3)
        assert (one.price(5)["value"], other.price(5)["value"], one.price(n=5)["value"]) == (10, 15, 10)
        assert (one.runs, other.runs) == (1, 1)

    def test_closures_with_one_name_are_told_apart(self, cache):
        def make(k):
            @cache.cached()
            def f(x):
                return x * k

            return f

        assert (make(2)(10)["value"], make(3)(10)["value"]) == (20, 30)

    def test_a_key_function_decides_alone(self, cache):
        runs = []

        @cache.cached(key=lambda path, handle: path)
        def read(path, handle):
            runs.append(path)
            return path

        read("a", object())
        read("a", object())
        read("b", object())
        assert runs == ["a", "b"]

    def test_a_key_function_sees_the_whole_call(self, cache):
        seen = []

        @cache.cached(key=lambda *args, **kwargs: seen.append((args, kwargs)))
        def f(a, b=2, *rest, k=3, **named): ...

        f(1)
        f(1, 2, 5, z=6, k=4)
        assert seen == [((1, 2), {"k": 3}), ((1, 2, 5), {"k": 4, "z": 6})]

    def test_unkeyable_arguments_run_each_time_with_one_warning(self, cache, caplog):
        @cache.cached()
        def f(x):
            return 1

        first, second = f(object()), f(object())
        assert first["ref_id"] != second["ref_id"]
        assert cache.resolve(first["ref_id"]) == 1
        assert len(caplog.records) == 1
        assert "type object" in caplog.text

    def test_arguments_that_contain_themselves_run_each_time(self, cache):
        loop = []
        loop.append(loop)
        f = cache.cached(resolve_refs=False)(Recorder())
        assert (f(loop)["value"], f(loop)["value"]) == (1, 2)

    def test_policies_and_sizes_of_two_decorators_keep_results_apart(self, cache):
        from mcp_refcache import POLICY_EXECUTE_ONLY

        def f():
            return 1

        shown, hidden = cache.cached()(f), cache.cached(policy=POLICY_EXECUTE_ONLY)(f)
        assert shown()["value"] == 1
        assert "value" not in hidden()

    def test_a_call_that_does_not_fit_fails_as_python_does(self, cache):
        @cache.cached()
        def f(x): ...

        with pytest.raises(TypeError, match=r"f\(\) missing 1 required positional argument: 'x'"):
            f()


def test_a_mapping_proxy_or_code_is_no_surprise():
    assert fingerprint(types.MappingProxyType({"a": 1})) == fingerprint(types.MappingProxyType({"a": 1}))
