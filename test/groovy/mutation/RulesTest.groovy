package mutation

import org.junit.jupiter.api.Test

class RulesTest {

    /** Each change of a method's code, as the code reads then. */
    private static List<String> changes(String code) {
        String head = 'def f(a, b) {\n'
        Rules.mutations(new Source('x.groovy', "${head}${code}\n}\n")).collect { Mutation mutation ->
            mutation.apply().substring(head.length()) - ~/\n\}\n$/
        }
    }

    @Test
    void a_condition_is_negated_once() {
        assert changes('if (a) { b }') == ['if (!(a)) { b }', 'if (a) {  }']
        assert changes('x = !a ? b : a')[1..-1] == ['x = a ? b : a']
        assert changes('x = a == b ? b : a')[1..-1] == ['x = a != b ? b : a']
        assert changes('x = a in b ? b : a')[1..-1] == ['x = !(a in b) ? b : a']
    }

    @Test
    void operators_are_swapped_and_operands_dropped() {
        assert changes('x = a && b || a < b')[1..-1] == ['x = a || b || a < b', 'x = a && b && a < b', 'x = a && b || a <= b']
        assert changes('x = a + b')[1..-1] == ['x = b', 'x = a']
        assert changes('x = a ?: b')[1..-1] == ['x = (a)', 'x = (b)']
        assert changes('x = a instanceof Map')[1..-1] == ['x = !(a instanceof Map)']
    }

    @Test
    void statements_and_calls_are_dropped() {
        assert changes('a.b(1)\nreturn a.b()') == ['\nreturn a.b()', 'a.b((1 + 1))\nreturn a.b()', 'a.b(1)\n', 'a.b(1)\nreturn a']
        assert changes('Map x = a.b(f(a))') == ['Map x = a']
        assert changes('Map x = Some.b(a)') == []
    }

    @Test
    void entries_arguments_and_elements_are_dropped() {
        assert changes('Map x = [a: b, b: a]') == ['Map x = [b: a]', 'Map x = [a: b]']
        assert changes('Map x = [a: b]') == ['Map x = [:]']
        assert changes('Map x = f(a: b,\n  b: a)') == ['Map x = f(b: a)', 'Map x = f(a: b)']
        assert changes('List x = [a, b]') == ['List x = []', 'List x = [b]', 'List x = [a]']
    }

    @Test
    void constants_are_replaced() {
        assert changes("Object x = 'a'") == ["Object x = ''"]
        assert changes("Object x = ''") == ["Object x = 'mutant'"]
        assert changes('Object x = "a${b}"') == ["Object x = ''"]
        assert changes('Object x = true') == ['Object x = false']
        assert changes('Object x = 3') == ['Object x = (3 + 1)']
    }

    @Test
    void a_text_of_several_lines_loses_each_of_them() {
        assert changes("Object x = '''\n  a\n  b\n'''") == ["Object x = ''", "Object x = '''\n  b\n'''", "Object x = '''\n  a\n'''"]
    }

    @Test
    void regular_expressions_are_loosened() {
        assert changes("Object x = '(?s)[a]{1,5}?'") ==
            ["Object x = ''", "Object x = '[a]{1,5}?'", "Object x = '(?s)[^a]{1,5}?'", "Object x = '(?s)[a]{1,4}?'", "Object x = '(?s)[a]{1,5}'"]
        assert changes("Object x = '[^a]*'")[1..-1] == ["Object x = '[a]*'", "Object x = '[^a]+'"]
        assert changes("Object x = '\\\\x00-\\\\x1f\\\\x7f'")[1..-1] == ["Object x = '\\\\x7f'", "Object x = '\\\\x00-\\\\x1f'"]
    }

    @Test
    void a_change_names_its_place_and_what_it_does() {
        assert Rules.mutations(new Source('vars/x.groovy', 'def f(a) {\n    return a > 1\n}\n'))*.toString() == [
            'vars/x.groovy:2  ⟦return a > 1 → ⟧',
            'vars/x.groovy:2  return a ⟦> → >=⟧ 1',
            'vars/x.groovy:2  return a > ⟦1 → (1 + 1)⟧',
        ]
    }

}
