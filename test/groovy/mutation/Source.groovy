package mutation

import org.codehaus.groovy.ast.ASTNode
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.DeclarationExpression
import org.codehaus.groovy.ast.expr.ElvisOperatorExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases

/** A source file, and where the nodes of its syntax tree stand in it. */
class Source {

    final String path
    final String text
    private final List<Integer> starts = [0]

    Source(String path, String text) {
        this.path = path
        this.text = text
        text.eachWithIndex { String letter, int index -> letter == '\n' && starts.add(index + 1) }
    }

    List<ClassNode> classes() {
        CompilationUnit unit = new CompilationUnit()
        unit.addSource(path, text)
        unit.compile(Phases.CONVERSION)
        return unit.AST.classes
    }

    int start(ASTNode node) {
        operands(node) ? start(operands(node)[0]) : ownStart(node) + (interpolated(node) ? 1 : 0)
    }

    int end(ASTNode node) {
        operands(node) ? end(operands(node)[1]) : ownEnd(node) - (interpolated(node) ? 1 : 0)
    }

    String text(ASTNode node) {
        text.substring(start(node), end(node))
    }

    int offset(int line, int column) {
        starts[line - 1] + column - 1
    }

    int line(int offset) {
        starts.count { it <= offset }
    }

    /** An expression of two operands stands where its operator does, unless it is in parentheses. */
    private List<ASTNode> operands(ASTNode node) {
        if (node instanceof ElvisOperatorExpression) {
            return text.charAt(ownStart(node)) == ('?' as char) ? [node.trueExpression, node.falseExpression] : []
        }
        if (node instanceof BinaryExpression && !(node instanceof DeclarationExpression)) {
            return text.startsWith(node.operation.text, ownStart(node)) ? [node.leftExpression, node.rightExpression] : []
        }
        return []
    }

    /** A call in a text's `${…}` has the braces with it. */
    private boolean interpolated(ASTNode node) {
        node instanceof MethodCallExpression && text.charAt(ownStart(node)) == ('{' as char)
    }

    private int ownStart(ASTNode node) {
        offset(node.lineNumber, node.columnNumber)
    }

    /** Groovy's own end of a node may lie behind the space that follows it. */
    private int ownEnd(ASTNode node) {
        int end = offset(node.lastLineNumber, node.lastColumnNumber)
        while (text.charAt(end - 1).whitespace) {
            end--
        }
        return end
    }

}
