package steps

import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.DynamicVariable
import org.codehaus.groovy.ast.FieldNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.Expression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.PostfixExpression
import org.codehaus.groovy.ast.expr.PrefixExpression
import org.codehaus.groovy.ast.expr.PropertyExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.expr.VariableExpression
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases
import org.codehaus.groovy.syntax.Types

/**
 * What sources would keep from one call to the next: fields that are no constants, and variables of the script, which is
 * what an assignment makes to a name that nothing declares.
 */
class KeptState extends CodeVisitorSupport {

    private final List<String> found = []

    /** The names, of sources that may use each other. */
    static List<String> of(Collection<File> sources) {
        CompilationUnit unit = new CompilationUnit()
        sources.each { unit.addSource(it.path, it.getText('UTF-8').replace('@NonCPS', '')) }
        unit.compile(Phases.SEMANTIC_ANALYSIS)
        KeptState state = new KeptState()
        unit.AST.classes.each { state.look(it) }
        return state.found
    }

    private void look(ClassNode type) {
        type.fields.each { FieldNode field ->
            if (!(field.final && field.static && constant(field.initialExpression))) {
                found.add(field.name)
            }
        }
        if (type.script && !type.getMethod('run').code.empty) {
            found.add('code outside of methods')
        }
        type.methods.each { MethodNode method -> method.code?.visit(this) }
    }

    /** A text or a number; what can be filled later would be state. */
    private static boolean constant(Expression value) {
        value instanceof BinaryExpression ? constant(value.leftExpression) && constant(value.rightExpression) :
            value instanceof ConstantExpression
    }

    @Override
    void visitBinaryExpression(BinaryExpression expression) {
        super.visitBinaryExpression(expression)
        if (Types.ofType(expression.operation.type, Types.ASSIGNMENT_OPERATOR)) {
            assigned(expression.leftExpression)
        }
    }

    @Override
    void visitPostfixExpression(PostfixExpression expression) {
        super.visitPostfixExpression(expression)
        assigned(expression.expression)
    }

    @Override
    void visitPrefixExpression(PrefixExpression expression) {
        super.visitPrefixExpression(expression)
        assigned(expression.expression)
    }

    @Override
    void visitMethodCallExpression(MethodCallExpression call) {
        super.visitMethodCallExpression(call)
        if (call.methodAsString in ['setVariable', 'setProperty']) {
            found.add(call.text)
        }
    }

    private void assigned(Expression to) {
        if (to instanceof TupleExpression) {
            to.expressions.each { assigned(it) }
        } else if (to instanceof VariableExpression && to.accessedVariable instanceof DynamicVariable) {
            found.add(to.name)
        } else if (to instanceof PropertyExpression && to.objectExpression.text in ['this', 'binding', 'this.binding']) {
            found.add(to.text)
        }
    }

}
