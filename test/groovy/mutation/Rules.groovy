package mutation

import org.codehaus.groovy.ast.ASTNode
import org.codehaus.groovy.ast.ClassCodeVisitorSupport
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.BooleanExpression
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.DeclarationExpression
import org.codehaus.groovy.ast.expr.ElvisOperatorExpression
import org.codehaus.groovy.ast.expr.GStringExpression
import org.codehaus.groovy.ast.expr.ListExpression
import org.codehaus.groovy.ast.expr.MapEntryExpression
import org.codehaus.groovy.ast.expr.MapExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.NotExpression
import org.codehaus.groovy.ast.expr.PropertyExpression
import org.codehaus.groovy.ast.expr.TernaryExpression
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.ast.stmt.IfStatement
import org.codehaus.groovy.ast.stmt.ReturnStatement
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.SourceUnit

/**
 * What is changed: conditions are negated, operators swapped, operands, statements, calls, entries and elements dropped,
 * constants replaced, regular expressions loosened.
 */
class Rules extends ClassCodeVisitorSupport {

    private static final Map<String, String> SWAPPED = [
        '==': '!=', '!=': '==', '<': '<=', '<=': '<', '>': '>=', '>=': '>', '&&': '||', '||': '&&', '-': '+',
    ]

    private final Source source
    private final Map<String, Mutation> found = [:]
    /** The calls that are dropped as statements. */
    private final Set<ASTNode> statements = []

    private Rules(Source source) {
        this.source = source
    }

    /** All changes of a file that leave it a program, in the order of their places. */
    static List<Mutation> mutations(Source source) {
        Rules rules = new Rules(source)
        source.classes().each { ClassNode type -> rules.visitClass(type) }
        return rules.found.values().findAll { isProgram(it) }.sort { a, b -> a.from <=> b.from ?: a.to <=> b.to }
    }

    private static boolean isProgram(Mutation mutation) {
        try {
            new Source(mutation.source.path, mutation.apply()).classes()
            return true
        } catch (CompilationFailedException refused) {
            return false
        }
    }

    @Override
    void visitMethod(MethodNode method) {
        if (!method.synthetic && method.lineNumber > 0) {
            super.visitMethod(method)
        }
    }

    @Override
    void visitIfElse(IfStatement statement) {
        negateCondition(statement.booleanExpression)
        super.visitIfElse(statement)
    }

    @Override
    void visitTernaryExpression(TernaryExpression expression) {
        negateCondition(expression.booleanExpression)
        super.visitTernaryExpression(expression)
    }

    @Override
    void visitShortTernaryExpression(ElvisOperatorExpression expression) {
        replace(expression, "(${source.text(expression.trueExpression)})")
        replace(expression, "(${source.text(expression.falseExpression)})")
        expression.trueExpression.visit(this)
        expression.falseExpression.visit(this)
    }

    @Override
    void visitNotExpression(NotExpression expression) {
        replace(expression, source.text(expression).replaceFirst('!', ''))
        super.visitNotExpression(expression)
    }

    @Override
    void visitBinaryExpression(BinaryExpression expression) {
        String operator = expression.operation.text
        int at = source.offset(expression.operation.startLine, expression.operation.startColumn)
        if (operator in SWAPPED) {
            change(at, at + operator.length(), SWAPPED[operator])
        } else if (operator in ['in', 'instanceof']) {
            negate(expression)
        } else if (operator == '+') {
            change(source.start(expression), skipSpace(at + 1), '')
            change(backOverSpace(at), source.end(expression), '')
        }
        super.visitBinaryExpression(expression)
    }

    @Override
    void visitDeclarationExpression(DeclarationExpression expression) {
        expression.rightExpression.visit(this)
    }

    @Override
    void visitExpressionStatement(ExpressionStatement statement) {
        if (!(statement.expression instanceof DeclarationExpression)) {
            statements.add(statement.expression)
            replace(statement, '')
        }
        super.visitExpressionStatement(statement)
    }

    @Override
    void visitReturnStatement(ReturnStatement statement) {
        replace(statement, '')
        super.visitReturnStatement(statement)
    }

    /** `a.b(c)` becomes `a`. */
    @Override
    void visitMethodCallExpression(MethodCallExpression call) {
        boolean receiver = call.objectExpression.lineNumber > 0 && !(call in statements)
        if (receiver && Character.isLowerCase(source.text(call.objectExpression).charAt(0))) {
            change(source.end(call.objectExpression), source.end(call), '')
        }
        call.objectExpression.visit(this)
        call.arguments.visit(this)
    }

    @Override
    void visitPropertyExpression(PropertyExpression expression) {
        expression.objectExpression.visit(this)
    }

    @Override
    void visitMapExpression(MapExpression map) {
        List<List<Integer>> spans = map.mapEntryExpressions.collect { MapEntryExpression entry ->
            [source.start(entry.keyExpression), source.end(entry.valueExpression)]
        }
        spans.each { List<Integer> span ->
            boolean only = spans.size() == 1 && source.text.charAt(backOverSpace(span[0]) - 1) == ('[' as char)
            only ? change(span[0], span[1], ':') : drop(span[0], span[1])
        }
        map.mapEntryExpressions*.valueExpression*.visit(this)
    }

    @Override
    void visitListExpression(ListExpression list) {
        list.expressions.each { drop(source.start(it), source.end(it)) }
        if (list.expressions.size() > 1) {
            replace(list, '[]')
        }
        super.visitListExpression(list)
    }

    @Override
    void visitConstantExpression(ConstantExpression expression) {
        if (expression.value == null || expression.lineNumber < 1) {
            return
        }
        if (expression.value instanceof Boolean) {
            replace(expression, String.valueOf(!expression.value))
        } else if (expression.value instanceof Number) {
            replace(expression, "(${expression.text} + 1)")
        } else {
            text(expression)
        }
    }

    @Override
    void visitGStringExpression(GStringExpression expression) {
        replace(expression, "''")
        Literals.regularExpression(source.text(expression)).each { part(expression, it) }
        expression.values*.visit(this)
    }

    @Override
    void visitClosureExpression(ClosureExpression expression) {
        expression.code.visit(this)
    }

    @Override
    protected SourceUnit getSourceUnit() {
        null
    }

    private void text(ConstantExpression expression) {
        String literal = source.text(expression)
        if (!(literal[0] in ['"', "'", '/'])) {
            return
        }
        replace(expression, expression.value ? "''" : "'mutant'")
        List<Map> parts = literal.startsWith("'''") ? Literals.lines(literal) : Literals.regularExpression(literal)
        parts.each { part(expression, it) }
    }

    private void part(ASTNode expression, Map part) {
        int start = source.start(expression)
        change(start + part.from, start + part.to, part.after)
    }

    /** A comparison, or what is negated already, has a rule of its own. */
    private void negateCondition(BooleanExpression condition) {
        boolean own = condition.expression instanceof NotExpression || condition.expression instanceof BinaryExpression &&
            condition.expression.operation.text in ['==', '!=', 'in', 'instanceof']
        if (!own) {
            negate(condition)
        }
    }

    private void negate(ASTNode condition) {
        replace(condition, "!(${source.text(condition)})")
    }

    /** Without the comma that goes with it. */
    private void drop(int from, int to) {
        int next = skipSpace(to)
        int before = backOverSpace(from)
        if (source.text.charAt(next) == (',' as char)) {
            change(from, skipSpace(next + 1), '')
        } else if (source.text.charAt(before - 1) == (',' as char)) {
            change(before - 1, to, '')
        } else {
            change(from, to, '')
        }
    }

    /** What Groovy adds by itself stands nowhere. */
    private void replace(ASTNode node, String after) {
        if (node.lineNumber > 0) {
            change(source.start(node), source.end(node), after)
        }
    }

    private void change(int from, int to, String after) {
        found.putIfAbsent("${from}:${to}:${after}".toString(), new Mutation(source, from, to, after))
    }

    private int skipSpace(int offset) {
        int next = offset
        while (source.text.charAt(next).whitespace) {
            next++
        }
        return next
    }

    private int backOverSpace(int offset) {
        int last = offset
        while (source.text.charAt(last - 1).whitespace) {
            last--
        }
        return last
    }

}
