package harness

import groovy.transform.CompileStatic
import org.codehaus.groovy.runtime.DefaultGroovyMethods
import org.codehaus.groovy.runtime.DateGroovyMethods
import org.codehaus.groovy.runtime.EncodingGroovyMethods
import org.codehaus.groovy.runtime.ProcessGroovyMethods
import org.codehaus.groovy.runtime.ResourceGroovyMethods
import org.codehaus.groovy.runtime.StringGroovyMethods
import org.kohsuke.groovy.sandbox.GroovyInterceptor

import java.lang.reflect.Constructor
import java.lang.reflect.Executable
import java.lang.reflect.Field
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.util.concurrent.ConcurrentHashMap

/**
 * Script Security's sandbox, with an allow-list of our own: sandbox-allowed.txt has the signatures that a library may use,
 * in Jenkins' own form, and nothing else is allowed but what the pipeline engine itself allows: steps, the library's own
 * classes, closures, `env`, `params`, `currentBuild` and arithmetic.
 */
@CompileStatic
class Sandbox extends GroovyInterceptor {

    /** The signatures that were used, so that those that are not can be found. */
    static final Set<String> USED = Collections.synchronizedSet(new TreeSet<String>())

    /** Script Security's NUMBER_MATH_NAMES: operators of numbers that are no methods of theirs. */
    private static final Set<String> ARITHMETIC = ['plus', 'minus', 'multiply', 'div', 'compareTo', 'or', 'and', 'xor', 'intdiv', 'mod',
                                                   'leftShift', 'rightShift', 'rightShiftUnsigned'] as Set
    /** Classes whose static methods Groovy adds to the objects that are their first parameter. */
    private static final List<Class> ADDED = [DefaultGroovyMethods, StringGroovyMethods, EncodingGroovyMethods,
        ResourceGroovyMethods, ProcessGroovyMethods, DateGroovyMethods] as List<Class>

    /** How the engine itself builds a GString. */
    private static final Set<String> ENGINES = [
        'new org.codehaus.groovy.runtime.GStringImpl java.lang.Object[] java.lang.String[]',
        'staticMethod org.codehaus.groovy.runtime.ScriptBytecodeAdapter asType java.lang.Object java.lang.Class',
    ] as Set

    private static final Map<Class, Map<String, List<Method>>> METHODS =
        Collections.synchronizedMap(new WeakHashMap<Class, Map<String, List<Method>>>())

    /** The signatures of the calls so far, by the types that decide them: a loop makes the same call again and again. */
    private final Map<List, String> signatures = new ConcurrentHashMap<>()
    private final Set<String> allowed
    private final ClassLoader library

    Sandbox(ClassLoader library, Set<String> allowed = listed()) {
        this.library = library
        this.allowed = allowed
    }

    /** The reviewed list: a signature a line, '#' starts a comment. */
    static Set<String> listed() {
        String text = Sandbox.getResourceAsStream('/sandbox-allowed.txt').getText('UTF-8')
        text.readLines().collect { String line -> line.replaceFirst('#.*', '').trim() }.findAll { String line -> line } as Set
    }

    @Override
    Object onMethodCall(Invoker invoker, Object receiver, String name, Object... arguments) {
        if (!isEngines(receiver, name, arguments)) {
            permit(signatures.computeIfAbsent(call(receiver.class, name, arguments)) { methodSignature(receiver, name, arguments) })
        }
        return super.onMethodCall(invoker, receiver, name, arguments)
    }

    @Override
    Object onStaticCall(Invoker invoker, Class receiver, String name, Object... arguments) {
        if (!isLibrarys(receiver)) {
            permit(signatures.computeIfAbsent(['static'] + call(receiver, name, arguments)) { staticSignature(receiver, name, arguments) })
        }
        return super.onStaticCall(invoker, receiver, name, arguments)
    }

    @Override
    Object onNewInstance(Invoker invoker, Class receiver, Object... arguments) {
        if (!isLibrarys(receiver) && receiver != PipelineScript) {
            Executable found = mostSpecific(receiver.constructors.toList(), arguments)
            permit(found ? signature('new', found) : "new ${receiver.name}")
        }
        return super.onNewInstance(invoker, receiver, arguments)
    }

    @Override
    Object onGetProperty(Invoker invoker, Object receiver, String property) {
        if (!isEnginesProperty(receiver, property)) {
            permit(getterSignature(receiver, property))
        }
        return super.onGetProperty(invoker, receiver, property)
    }

    @Override
    Object onSetProperty(Invoker invoker, Object receiver, String property, Object value) {
        if (!(receiver instanceof Environment) && !isLibrarys(receiver.class)) {
            permit("field ${receiver.class.name} ${property}")
        }
        return super.onSetProperty(invoker, receiver, property, value)
    }

    @Override
    Object onGetAttribute(Invoker invoker, Object receiver, String attribute) {
        permit("field ${receiver.class.name} ${attribute}")
        return super.onGetAttribute(invoker, receiver, attribute)
    }

    @Override
    Object onSetAttribute(Invoker invoker, Object receiver, String attribute, Object value) {
        permit("field ${receiver.class.name} ${attribute}")
        return super.onSetAttribute(invoker, receiver, attribute, value)
    }

    @Override
    Object onGetArray(Invoker invoker, Object receiver, Object index) {
        if (!receiver.class.array) {
            Object[] arguments = [index] as Object[]
            permit(signatures.computeIfAbsent(call(receiver.class, 'getAt', arguments)) { methodSignature(receiver, 'getAt', arguments) })
        }
        return super.onGetArray(invoker, receiver, index)
    }

    @Override
    Object onSetArray(Invoker invoker, Object receiver, Object index, Object value) {
        if (!receiver.class.array) {
            permit(methodSignature(receiver, 'putAt', [index, value] as Object[]))
        }
        return super.onSetArray(invoker, receiver, index, value)
    }

    private void permit(CharSequence signature) {
        String text = signature.toString()
        if (text in ENGINES) {
            return
        }
        USED.add(text)
        if (!(text in allowed)) {
            throw new SecurityException("Scripts not permitted to use ${text}")
        }
    }

    /** Steps, the library's own code, closures, the build's own objects and numbers need no signature. */
    private boolean isEngines(Object receiver, String name, Object[] arguments) {
        if (receiver instanceof PipelineScript) {
            return isLibrarysMethod(receiver, name, arguments) || name == 'invokeMethod' ||
                method(receiver, name, arguments) == null
        }
        if (receiver instanceof Closure) {
            return name in ['call', 'doCall']
        }
        return isLibrarys(receiver.class) || receiver instanceof Environment || receiver instanceof Build ||
            receiver instanceof Number && name in ARITHMETIC && method(receiver, name, arguments) == null
    }

    private boolean isLibrarysMethod(Object receiver, String name, Object[] arguments) {
        receiver.class.declaredMethods.any { Method it -> it.name == name && distance(it, arguments) >= 0 }
    }

    private boolean isEnginesProperty(Object receiver, String property) {
        if (receiver.class.array) {
            return property == 'length'
        }
        if (receiver instanceof Script) {
            return property in ['env', 'params', 'currentBuild'] || receiver.binding.hasVariable(property) ||
                property == property.toUpperCase()
        }
        return receiver instanceof Environment || receiver instanceof Build ||
            isLibrarys(receiver instanceof Class ? (Class) receiver : receiver.class)
    }

    private boolean isLibrarys(Class type) {
        type.classLoader != null && (type.classLoader == library || type.classLoader.parent == library)
    }

    private static List call(Class receiver, String name, Object[] arguments) {
        List decisive = [receiver, name]
        for (Object argument : arguments) {
            decisive.add(argument?.class)
        }
        return decisive
    }

    private static String staticSignature(Class receiver, String name, Object[] arguments) {
        Executable found = mostSpecific(named(receiver, name, true), arguments)
        return found ? signature('staticMethod', found) : "staticMethod ${receiver.name} ${name}"
    }

    private static String methodSignature(Object receiver, String name, Object[] arguments) {
        Method method = method(receiver, name, arguments)
        if (method) {
            return signature('method', method)
        }
        Object[] all = ([receiver] + arguments.toList()) as Object[]
        for (Class added : ADDED) {
            Executable found = mostSpecific(named(added, name, true), all)
            if (found) {
                return signature('staticMethod', found)
            }
        }
        return "method ${receiver.class.name} ${name}"
    }

    private static String getterSignature(Object receiver, String property) {
        String getter = property.capitalize()
        if (receiver instanceof Class) {
            Field field = ((Class) receiver).fields.find { Field it -> it.name == property }
            if (field) {
                return "staticField ${field.declaringClass.name} ${property}"
            }
        }
        for (String name : ['get' + getter, 'is' + getter]) {
            Method method = method(receiver, name, new Object[0])
            if (method) {
                return signature('method', method)
            }
        }
        return "field ${receiver.class.name} ${property}"
    }

    /** As Script Security selects it: the method as the most general type declares it. */
    private static Method method(Object receiver, String name, Object[] arguments) {
        for (Class type : types(receiver.class)) {
            Executable found = mostSpecific(named(type, name, false), arguments)
            if (found) {
                return (Method) found
            }
        }
        return null
    }

    private static Collection<Class> types(Class type) {
        Set<Class> all = new LinkedHashSet<>()
        if (type.superclass) {
            all.addAll(types(type.superclass))
        }
        for (Class each : type.interfaces) {
            all.addAll(types(each))
        }
        all.add(type)
        return all
    }

    /** The public methods that a class itself declares, by name; reflection is slow, so they are looked up once. */
    private static List<Method> named(Class type, String name, boolean isStatic) {
        Map<String, List<Method>> methods = METHODS[type]
        if (methods == null) {
            methods = type.declaredMethods.toList().findAll { Method it -> Modifier.isPublic(it.modifiers) }.groupBy { Method it -> it.name }
            METHODS[type] = methods
        }
        List<Method> found = methods[name] ?: new ArrayList<Method>()
        return found.findAll { Method it -> Modifier.isStatic(it.modifiers) == isStatic }
    }

    private static Executable mostSpecific(Collection<? extends Executable> candidates, Object[] arguments) {
        candidates.findAll { Executable it -> distance(it, arguments) >= 0 }.min { Executable it -> distance(it, arguments) }
    }

    /** How far the arguments are from the parameters' types, or -1 where they do not fit. */
    private static int distance(Executable method, Object[] arguments) {
        Class[] parameters = method.parameterTypes
        if (parameters.length != arguments.length) {
            return -1
        }
        int sum = 0
        for (int i = 0; i < parameters.length; i++) {
            int one = distance(parameters[i], arguments[i])
            if (one < 0) {
                return -1
            }
            sum += one
        }
        return sum
    }

    private static int distance(Class parameter, Object argument) {
        if (argument == null) {
            return parameter.primitive ? -1 : 0
        }
        if (parameter.primitive) {
            List<Class> widening = [Byte.TYPE, Short.TYPE, Integer.TYPE, Long.TYPE, Float.TYPE, Double.TYPE] as List<Class>
            Class own = (Class) argument.class.fields.find { Field it -> it.name == 'TYPE' }?.get(null)
            return own == null ? -1 : own == parameter ? 0 : widening.indexOf(parameter) - widening.indexOf(own)
        }
        if (argument instanceof GString && parameter == String) {
            return 1
        }
        if (!parameter.isInstance(argument)) {
            return -1
        }
        List<Class> types = types(argument.class).toList()
        return parameter == Object ? 1000 : types.size() - types.indexOf(parameter)
    }

    private static String signature(String kind, Executable method) {
        String name = method instanceof Constructor ? '' : ' ' + method.name
        String types = method.parameterTypes.collect { Class it -> ' ' + it.canonicalName.replace('$', '.') }.join('')
        return "${kind} ${method.declaringClass.name}${name}${types}"
    }

}
